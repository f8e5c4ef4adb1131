import type { IncomingMessage } from "node:http"

export interface RequestBody {
  /** Null when there is none. Giving it up leaves the connection open, so that an answer can still be sent. */
  readonly stream: ReadableStream<Uint8Array> | null
  /** Its length when the request says so. */
  readonly bytes: number | null
}

/** The body of a request. `onWanted` is called before its first byte is read. */
export function requestBody(request: IncomingMessage, onWanted: () => void): RequestBody {
  const length = request.headers["content-length"]
  const isChunked = request.headers["transfer-encoding"] !== undefined
  if (!isChunked && (length === undefined || Number(length) === 0)) return { stream: null, bytes: null }
  let chunks: AsyncIterator<Uint8Array> | undefined
  const stream = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        if (chunks === undefined) onWanted()
        chunks ??= request.iterator({ destroyOnReturn: false }) as AsyncIterator<Uint8Array>
        const { done, value } = await chunks.next()
        if (done === true) controller.close()
        else controller.enqueue(value)
      },
      cancel: () => void chunks?.return?.(),
    },
    { highWaterMark: 0 },
  )
  // The parser gives exactly as many bytes as were announced, or fails.
  return { stream, bytes: isChunked ? null : Number(length) }
}
