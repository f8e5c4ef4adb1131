import type { Run, RunEvent } from "@mayfly/platform"
import { MayflyError, type RunJson } from "@mayfly/protocol"
import { taggedValue } from "@mayfly/server/parse"
import { boundedText } from "./bounded-text.ts"
import { invalid } from "./command-error.ts"
import { jsonModules } from "./json-modules.ts"
import { type Api, apiError } from "./api.ts"
import type { RunFlags } from "./run-flags.ts"
import { openApi } from "./open-api.ts"
import type { RunNetwork } from "./run-network.ts"
import type { GivenProgram, RunPlace } from "./run-place.ts"
import { serverEvents } from "./server-events.ts"

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

const maxAnswer = 512 << 20

/** The run as the server's JSON tells it. */
async function remoteRunJson(api: Api, body: Record<string, unknown>, signal: AbortSignal): Promise<RunJson> {
  const asked = { accept: "application/json", body: [Buffer.from(JSON.stringify(body))], signal }
  const text = await boundedText(await api.stream("POST", "/v1/run", asked), maxAnswer)
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
  for await (const { event, data } of serverEvents(await api.stream("POST", "/v1/run", asked))) {
    if (event === "log" || event === "egress") yield data as RunEvent
    if (event === "value")
      yield { type: "value", value: taggedValue((data as { value: unknown }).value, "value") } as RunEvent
    if (event !== "result" && event !== "error") continue
    const { run: json } = data as { run?: RunJson }
    // An error without a run is one of the stream's, not of the program's.
    if (json === undefined) throw apiError(data)
    const run = runFromJson(json)
    return yield run.ok ? { type: "result", result: run.result, run } : { type: "error", error: run.error, run }
  }
  throw new MayflyError("server.unreachable", "the answer ended before the run did")
}

/** A run of the server's, with values again in place of tagged JSON. */
export function runFromJson(json: RunJson): Run {
  const { error, result, ok, ...rest } = json
  const isFailed = !ok || error !== undefined
  const outcome = isFailed
    ? { ok: false, error: apiError({ error }) }
    : { ok: true, result: taggedValue(result, "result") }
  return { ...rest, ...outcome } as unknown as Run
}
