import { MayflyError } from "@mayfly/protocol"
import { errorFromJson } from "./api-error.ts"
import type { Call, Http } from "./http.ts"
import { parseEvents } from "./parse-events.ts"
import { pause, retryDelayMs } from "./retry.ts"

export interface ServerEvent {
  readonly type: string
  readonly id?: string
  readonly data: unknown
}

/** The events of one answer. An event `error` with an error rejects with it. */
export async function* eventsOf(response: Response): AsyncGenerator<ServerEvent, void, void> {
  if (response.body === null || response.headers.get("content-type")?.startsWith("text/event-stream") !== true)
    throw new MayflyError("client.not-mayfly", "the server answered without events")
  for await (const { type, data, id } of parseEvents(response.body))
    yield { type, data: JSON.parse(data) as unknown, ...(id === undefined ? {} : { id }) }
}

/** Throws what the data of an event `error` says. */
export function eventError(data: unknown): Error {
  const error = errorFromJson((data as { error?: unknown } | null)?.error)
  return error ?? new MayflyError("client.not-mayfly", "the server sent an error without a code")
}

/**
 * Follows a stream that can be resumed: after a lost connection it goes on behind the last event, by `Last-Event-ID`. Ends when the server ends it
 * with an event `end`, or the signal is aborted.
 */
export async function* followEvents(
  http: Http,
  path: string,
  call: Pick<Call, "query" | "signal"> & { readonly cursor?: string },
): AsyncGenerator<ServerEvent, void, void> {
  let { cursor } = call
  for (let failures = 0; ;) {
    try {
      const query = { ...call.query, ...(cursor === undefined ? {} : { cursor }) }
      const response = await http.send("GET", path, { query, accept: "text/event-stream", signal: call.signal })
      for await (const event of eventsOf(response)) {
        failures = 0
        cursor = event.id ?? cursor
        if (event.type === "error") throw eventError(event.data)
        yield event
        if (event.type === "end") return
      }
    } catch (error) {
      if (call.signal?.aborted === true) return
      if (error instanceof MayflyError) throw error
    }
    failures++
    if (failures > 5) throw new MayflyError("client.disconnected", "the event stream broke again and again")
    await pause(retryDelayMs(failures, new MayflyError("client.unreachable", "")), call.signal).catch(() => {})
    if (call.signal?.aborted === true) return
  }
}
