import { streamSSE } from "hono/streaming"
import { errorBody, publicError } from "../error-response.ts"
import type { Call } from "../route/call.ts"
import { unexpected } from "../server-log.ts"
import { wantsEvents } from "../wants-events.ts"

export type SendEvent = (event: string, data: object) => Promise<void>

const beatMs = 15_000

export function isForEvents({ c }: Call): boolean {
  return wantsEvents(c.req.header("accept"))
}

/** What `work` sends, as server-sent events, no faster than they are read. Its signal fires when the reader goes; a failure is the last event. */
export function sendEvents(call: Call, work: (send: SendEvent, signal: AbortSignal) => Promise<void>): Response {
  const { c, server } = call
  const held = call.held.move()
  const gone = new AbortController()
  const signal = AbortSignal.any([gone.signal, call.signal])
  return streamSSE(c, async (stream) => {
    stream.onAbort(() => gone.abort())
    const beat = setInterval(() => void stream.write(": still here\n\n"), beatMs)
    const send: SendEvent = (event, data) => stream.writeSSE({ event, data: JSON.stringify({ type: event, ...data }) })
    try {
      await work(send, signal)
    } catch (error) {
      const requestId = String(c.get("requestId"))
      const known = publicError(error)
      if (known !== error) server.log(unexpected(error, requestId))
      await send("error", errorBody(known, requestId))
    } finally {
      clearInterval(beat)
      held[Symbol.dispose]()
    }
  })
}
