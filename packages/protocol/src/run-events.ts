import { answerError } from "./error-from-json.ts"
import { MayflyError } from "./mayfly-error.ts"
import type { RunEvent, RunJson } from "./run.ts"
import { runFromJson, valueFromJson } from "./run-from-json.ts"
import type { ServerEvent } from "./server-events.ts"

/** The events of a run as `worker.stream` gives them, from those of an answer. Rejects when the answer ends before the run did. */
export async function* runEvents(events: AsyncIterable<ServerEvent>): AsyncGenerator<RunEvent, void, void> {
  for await (const { event, data } of events) {
    if (event === "log" || event === "egress") yield data as RunEvent
    if (event === "value") yield { type: "value", value: valueFromJson((data as { value?: unknown } | null)?.value) }
    if (event !== "result" && event !== "error") continue
    const json = (data as { readonly run?: RunJson } | null)?.run
    // An error without a run is one of the stream's, not of the program's.
    if (json === undefined) throw answerError(data)
    const run = runFromJson(json)
    return yield run.ok ? { type: "result", result: run.result, run } : { type: "error", error: run.error, run }
  }
  throw new MayflyError("client.disconnected", "the answer ended before the run did")
}
