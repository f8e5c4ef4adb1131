import { type SSEMessage, streamSSE } from "hono/streaming"
import { errorBody, publicError } from "./error-response.ts"
import type { Call } from "./route/call.ts"
import { unexpected } from "./server-log.ts"

export interface EventSender {
  /** Resolves when the reader has taken it, or a buffer before it: who waits for this sends no faster than it is read. */
  send(message: SSEMessage): Promise<void>
  /** Fires when the reader goes, its key ends, or the server stops. */
  readonly signal: AbortSignal
}

export interface EventStreamOptions {
  /** Whether the reader can go on elsewhere (`Last-Event-ID`): such streams end as soon as the server drains. Default false. */
  readonly isResumable?: boolean
}

/** How often a silent stream shows that it is alive; it also finds out about readers that went without a word. */
const beatMs = 15_000

/** Server-sent events, with a sign of life in silence. Holds the place of the call until it ends; a failure is an event `error`. */
export function eventStream(
  call: Call,
  produce: (sender: EventSender) => Promise<void>,
  { isResumable = false }: EventStreamOptions = {},
): Response {
  const { c, server } = call
  const held = call.held.move()
  const gone = new AbortController()
  const ends = [gone.signal, call.signal, ...(isResumable ? [server.draining] : [])]
  const signal = AbortSignal.any(ends)
  return streamSSE(c, async (stream) => {
    stream.onAbort(() => gone.abort())
    const beat = setInterval(() => void stream.write(": still here\n\n"), beatMs)
    try {
      await produce({ send: (message) => stream.writeSSE(message), signal })
    } catch (error) {
      const requestId = String(c.get("requestId"))
      const known = publicError(error)
      if (known !== error) server.log(unexpected(error, requestId))
      const data = { type: "error", ...errorBody(known, requestId) }
      await stream.writeSSE({ event: "error", data: JSON.stringify(data) })
    } finally {
      clearInterval(beat)
      held.dispose()
    }
  })
}

/** Where a reader wants to go on: the header that browsers send, or what stands in the query. */
export function resumePoint({ c }: Call, cursor: string | undefined): string | undefined {
  return c.req.header("last-event-id") ?? cursor
}
