import { eventStream } from "../event-stream.ts"
import type { Call } from "../route/call.ts"
import { wantsEvents } from "../wants-events.ts"

/** `id` is what a reader goes on behind. */
export type SendEvent = (event: string, data: object, id?: string) => Promise<void>

export function isForEvents({ c }: Call): boolean {
  return wantsEvents(c.req.header("accept"))
}

/** What `work` sends, no faster than it is read; each event's data has its name as `type`. */
export function sendEvents(call: Call, work: (send: SendEvent, signal: AbortSignal) => Promise<void>): Response {
  return eventStream(call, ({ send, signal }) =>
    work(
      (event, data, id) => send({ event, data: JSON.stringify({ type: event, ...data }), ...(id && { id }) }),
      signal,
    ),
  )
}
