import {
  boundedText,
  jsonModules,
  MayflyError,
  type RunEvent,
  runEvents,
  type RunJson,
  serverEvents,
} from "@mayfly/protocol"
import type { Api } from "./api.ts"
import { invalid } from "./command-error.ts"
import { openApi } from "./open-api.ts"
import type { RunFlags } from "./run-flags.ts"
import type { RunNetwork } from "./run-network.ts"
import type { GivenProgram, RunPlace } from "./run-place.ts"

/** Runs programs on the server that the flags name. */
export async function openThere(flags: RunFlags, network: RunNetwork): Promise<RunPlace> {
  const api = await openApi({ ...flags })
  return {
    call(program, signal) {
      const body = remoteRunBody(flags, network, program)
      return { end: () => remoteRunJson(api, body, signal), events: () => remoteRunEvents(api, body, signal) }
    },
    [Symbol.asyncDispose]: () => api[Symbol.asyncDispose](),
  }
}

/** The body of `POST /v1/run`. Throws `input.invalid`. */
function remoteRunBody(
  { secret, language, tenant }: RunFlags,
  { network }: RunNetwork,
  { text: { source }, options, json }: GivenProgram,
): Record<string, unknown> {
  if (secret !== undefined)
    throw invalid(
      "--secret",
      "stays on this machine: keep it on the server with `mayfly secrets set`, and name it in --policy",
    )
  return {
    ...(source.script === undefined ? {} : { script: source.script }),
    ...(source.modules === undefined ? {} : { modules: jsonModules(source.modules), mainModule: source.mainModule }),
    ...json,
    ...(language === undefined ? {} : { language }),
    ...(tenant === undefined ? {} : { tenant }),
    limits: options.limits,
    network,
  }
}

/** The run as the server's JSON tells it. */
async function remoteRunJson(api: Api, body: Record<string, unknown>, signal: AbortSignal): Promise<RunJson> {
  const asked = { accept: "application/json", body: [Buffer.from(JSON.stringify(body))], signal }
  const text = await boundedText(await api.stream("POST", "/v1/run", asked))
  try {
    return JSON.parse(text) as RunJson
  } catch {
    throw new MayflyError("server.unreachable", "the answer is no run of Mayfly's")
  }
}

/** The same events that a run here has. Leaving the loop cancels the run there. */
async function* remoteRunEvents(
  api: Api,
  body: Record<string, unknown>,
  signal: AbortSignal,
): AsyncGenerator<RunEvent, void, void> {
  const asked = { accept: "text/event-stream", body: [Buffer.from(JSON.stringify(body))], signal }
  yield* runEvents(serverEvents(await api.stream("POST", "/v1/run", asked)))
}
