import type { Run, RunEvent } from "@mayfly/platform"
import { type ErrorJson, MayflyError, type RunJson } from "@mayfly/protocol"
import { taggedValue } from "@mayfly/server"
import { boundedText } from "./bounded-text.ts"
import { invalid } from "./command-error.ts"
import { jsonModules } from "./json-modules.ts"
import type { Api } from "./open-api.ts"
import { readPlainJsonOption } from "./read-json-option.ts"
import type { ProgramText } from "./read-program.ts"
import { parseRunFlags, type RunFlags } from "./run-flags.ts"
import type { RunNetwork } from "./run-network.ts"
import { serverEvents } from "./server-events.ts"

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

const maxAnswer = 512 << 20

/** The run as the server's JSON tells it. */
export async function remoteRunJson(api: Api, body: Record<string, unknown>, signal: AbortSignal): Promise<RunJson> {
  const asked = { accept: "application/json", body: [Buffer.from(JSON.stringify(body))], signal }
  const text = await boundedText(await api.stream("POST", "/v1/run", asked), maxAnswer)
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
  for await (const { event, data } of serverEvents(await api.stream("POST", "/v1/run", asked))) {
    if (event === "log" || event === "egress") yield data as RunEvent
    if (event === "value")
      yield { type: "value", value: taggedValue((data as { value: unknown }).value, "value") } as RunEvent
    if (event !== "result" && event !== "error") continue
    const { run: json } = data as { run?: RunJson }
    // An error without a run is one of the stream's, not of the program's.
    if (json === undefined) throw errorOf((data as { error: ErrorJson }).error)
    const run = runFromJson(json)
    return yield run.ok ? { type: "result", result: run.result, run } : { type: "error", error: run.error, run }
  }
  throw new MayflyError("server.unreachable", "the answer ended before the run did")
}

/** A run of the server's, with values again in place of tagged JSON. */
export function runFromJson(json: RunJson): Run {
  const { error, result, ok, ...rest } = json
  const isFailed = !ok || error !== undefined
  const outcome = isFailed ? { ok: false, error: errorOf(error) } : { ok: true, result: taggedValue(result, "result") }
  return { ...rest, ...outcome } as unknown as Run
}

function errorOf(error: ErrorJson | undefined): MayflyError {
  const { code, message, retry, fix, details } = error ?? ({} as Partial<ErrorJson>)
  const given = { ...(retry === undefined ? {} : { retry }), ...(fix === undefined ? {} : { fix }) }
  try {
    return new MayflyError(code as MayflyError["code"], String(message), { ...given, details: details ?? {} })
  } catch {
    // A newer server has codes that this command does not know.
    return new MayflyError("server.internal", `${String(code)}: ${String(message)}`, given)
  }
}
