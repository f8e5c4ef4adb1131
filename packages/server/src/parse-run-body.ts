import type { DynamicWorkerOptions, Platform } from "@mayfly/platform"
import { asRecord, checkFields, invalid } from "./parse-fields.ts"
import { parseJsonModules } from "./parse-json-modules.ts"
import { parseRequest } from "./parse-request.ts"
import type { Program } from "./run-program.ts"
import { taggedValue } from "./tagged-value.ts"

const workerFields = ["script", "mainModule", "tenant", "limits", "network", "language", "typecheck", "declarations"]
const fields = [...workerFields, "modules", "input", "request", "env", "props"]

/** The body of `POST /v1/run` as a program. Throws `input.invalid`; the library checks the options further. */
export function parseRunBody(value: unknown, platform: Platform): Program {
  const given = asRecord(value, "the request body")
  checkFields(given, fields, "")
  const { modules, env } = given
  // The library checks these one by one.
  const plain = Object.fromEntries(
    workerFields.flatMap((name) => (given[name] === undefined ? [] : [[name, given[name]]])),
  )
  const options: DynamicWorkerOptions = {
    ...plain,
    ...(modules === undefined ? {} : { modules: parseJsonModules(modules) }),
    ...(env === undefined ? {} : { env: asRecord(taggedValue(asRecord(env, "env"), "env"), "env") }),
    platform,
  }
  const call = parseCall(given)
  return given["props"] === undefined
    ? { options, call }
    : { options, call, props: taggedValue(given["props"], "props") }
}

function parseCall({ input, request }: Record<string, unknown>): Program["call"] {
  if (request === undefined) return { kind: "run", input: taggedValue(input, "input") }
  if (input !== undefined) throw invalid("input", "can't be given together with request")
  return { kind: "fetch", request: parseRequest(request) }
}
