import { answerError, MayflyError, type ServerEvent, serverEvents } from "@mayfly/protocol"
import { chunksOf } from "./chunks-of.ts"
import { type Call, type Http, isObject } from "./http.ts"
import { pause, retryDelayMs } from "./retry.ts"

/** The events of one answer. A connection that breaks rejects with whatever `fetch` says of it. */
export async function* eventsOf(response: Response): AsyncGenerator<ServerEvent, void, void> {
  if (response.headers.get("content-type")?.startsWith("text/event-stream") !== true) {
    await response.body?.cancel()
    throw new MayflyError("client.not-mayfly", "the server answered without events")
  }
  for await (const event of serverEvents(chunksOf(response.body))) {
    if (!isObject(event.data)) throw new MayflyError("client.not-mayfly", "the server sent an event without fields")
    yield event
  }
}

/** The same where an event `error` is a failure of the call: it rejects with that. */
export async function* checkedEventsOf(response: Response): AsyncGenerator<ServerEvent, void, void> {
  for await (const event of eventsOf(response)) {
    if (event.event === "error") throw answerError(event.data)
    yield event
  }
}

const mostFailures = 5

/**
 * Follows a stream that can be resumed: after a lost connection it goes on behind the last event, by `cursor`. Ends when the server ends it
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
      for await (const event of checkedEventsOf(response)) {
        failures = 0
        cursor = event.id ?? cursor
        yield event
        if (event.event === "end") return
      }
    } catch (error) {
      if (call.signal?.aborted === true) return
      if (error instanceof MayflyError) throw error
    }
    failures++
    if (failures > mostFailures) throw new MayflyError("client.disconnected", "the event stream broke again and again")
    await pause(retryDelayMs(failures), call.signal).catch(() => {})
    if (call.signal?.aborted === true) return
  }
}
