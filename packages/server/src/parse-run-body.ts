import type { DynamicWorkerOptions, Platform } from "@mayfly/platform"
import type { z } from "zod"
import { asRecord, invalid } from "./parse-fields.ts"
import { parseJsonModules } from "./parse-json-modules.ts"
import { parseRequest } from "./parse-request.ts"
import type { Program } from "./run-program.ts"
import type { runBody } from "./schema/run.ts"
import { taggedValue } from "./tagged-value.ts"

type RunBody = z.output<typeof runBody>

/** The body of `POST /v1/run` as a program. Throws `input.invalid`; the library checks the options further. */
export function parseRunBody(body: RunBody, platform: Platform): Program {
  const { modules, env, input, request, props, ...plain } = body
  const options = {
    // The library checks these one by one.
    ...(plain as DynamicWorkerOptions),
    ...(modules === undefined ? {} : { modules: parseJsonModules(modules) }),
    ...(env === undefined ? {} : { env: asRecord(taggedValue(asRecord(env, "env"), "env"), "env") }),
    platform,
  }
  const call = parseCall(input, request)
  return props === undefined ? { options, call } : { options, call, props: taggedValue(props, "props") }
}

export function parseCall(input: unknown, request: unknown): Program["call"] {
  if (request === undefined) return { kind: "run", input: taggedValue(input, "input") }
  if (input !== undefined) throw invalid("input", "can't be given together with request")
  return { kind: "fetch", request: parseRequest(request) }
}
