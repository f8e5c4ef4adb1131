import type { Context } from "hono"
import { type SSEMessage, streamSSE } from "hono/streaming"
import { errorBody, publicError } from "./error-response.ts"
import { type ServerLog, unexpected } from "./server-log.ts"

export interface EventStreamOptions {
  /** The reader's place, given back when it goes. */
  readonly held: Disposable
  readonly stopping: AbortSignal
  readonly log: ServerLog
}

const beatMs = 15_000

/** `messages` as server-sent events, with a sign of life in silence. Its signal fires when the reader goes or the server stops; a failure is an event. */
export function eventStream(
  c: Context,
  { held, stopping, log }: EventStreamOptions,
  messages: (signal: AbortSignal) => AsyncIterable<SSEMessage>,
): Response {
  const gone = new AbortController()
  const signal = AbortSignal.any([gone.signal, c.req.raw.signal, stopping])
  return streamSSE(c, async (stream) => {
    stream.onAbort(() => gone.abort())
    const beat = setInterval(() => void stream.write(": still here\n\n"), beatMs)
    try {
      for await (const message of messages(signal)) await stream.writeSSE(message)
    } catch (error) {
      const requestId = String(c.get("requestId"))
      const known = publicError(error)
      if (known !== error) log(unexpected(error, requestId))
      await stream.writeSSE({ event: "error", data: JSON.stringify(errorBody(known, requestId)) })
    } finally {
      clearInterval(beat)
      held[Symbol.dispose]()
    }
  })
}
