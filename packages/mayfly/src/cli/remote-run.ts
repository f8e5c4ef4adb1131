import {
  boundedText,
  jsonModules,
  MayflyError,
  type RunEvent,
  runEvents,
  type RunJson,
  serverEvents,
} from "@mayfly/protocol"
import { invalid } from "./command-error.ts"
import type { Api } from "./open-api.ts"
import { readPlainJsonOption } from "./read-json-option.ts"
import type { ProgramText } from "./read-program.ts"
import { parseRunFlags, type RunFlags } from "./run-flags.ts"
import type { RunNetwork } from "./run-network.ts"

/** The body of `POST /v1/run` for the flags of `mayfly run`. Throws `input.invalid`. */
export function remoteRunBody(flags: RunFlags, network: RunNetwork, { source }: ProgramText): Record<string, unknown> {
  if (flags.secret !== undefined)
    throw invalid(
      "--secret",
      "stays on this machine: keep it on the server with `mayfly secrets set`, and name it in --policy",
    )
  // The same checks as here come first, so that the same words are wrong.
  const { options } = parseRunFlags(flags, network)
  const { input, env, request } = flags
  return {
    ...(source.script === undefined ? {} : { script: source.script }),
    ...(source.modules === undefined ? {} : { modules: jsonModules(source.modules), mainModule: source.mainModule }),
    ...(input === undefined ? {} : { input: readPlainJsonOption("--input", input) }),
    ...(env === undefined ? {} : { env: readPlainJsonOption("--env", env) }),
    ...(request === undefined ? {} : { request: readPlainJsonOption("--request", request) }),
    ...(flags.language === undefined ? {} : { language: flags.language }),
    ...(flags.tenant === undefined ? {} : { tenant: flags.tenant }),
    limits: options.limits,
    network: network.network,
  }
}

/** The run as the server's JSON tells it. */
export async function remoteRunJson(api: Api, body: Record<string, unknown>, signal: AbortSignal): Promise<RunJson> {
  const asked = { accept: "application/json", body: [Buffer.from(JSON.stringify(body))], signal }
  const text = await boundedText(await api.stream("POST", "/v1/run", asked))
  try {
    return JSON.parse(text) as RunJson
  } catch {
    throw new MayflyError("server.unreachable", "the answer is no run of Mayfly's")
  }
}

/** The same events that a run here has. Leaving the loop cancels the run there. */
export async function* remoteRunEvents(
  api: Api,
  body: Record<string, unknown>,
  signal: AbortSignal,
): AsyncGenerator<RunEvent, void, void> {
  const asked = { accept: "text/event-stream", body: [Buffer.from(JSON.stringify(body))], signal }
  yield* runEvents(serverEvents(await api.stream("POST", "/v1/run", asked)))
}
