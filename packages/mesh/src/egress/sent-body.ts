import { tooLargeRequest } from "./clear.ts"

export interface SentBodyOptions {
  readonly origin: string
  readonly maxBytes: number
  readonly signal: AbortSignal
  onBytes(count: number): void
}

/**
 * A streamed body on its way out, read as the connection takes it. Throws `mesh.request-too-large`, the stream's own
 * error, and a TypeError for anything but bytes. The stream is cancelled when it is not read to its end.
 */
export async function* sentBody(
  stream: ReadableStream<Uint8Array>,
  { origin, maxBytes, signal, onBytes }: SentBodyOptions,
): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader()
  // A reader that waits for a guest would never notice that nobody waits for it.
  const onAbort = (): void => void reader.cancel(signal.reason).catch(() => {})
  signal.addEventListener("abort", onAbort, { once: true })
  let sent = 0
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      if (!(value instanceof Uint8Array)) throw new TypeError("a chunk of the request's body is not a Uint8Array")
      sent += value.byteLength
      if (sent > maxBytes) throw tooLargeRequest(origin, maxBytes)
      onBytes(value.byteLength)
      // undici takes an empty chunk for a reason to fail.
      if (value.byteLength > 0) yield value
    }
  } finally {
    signal.removeEventListener("abort", onAbort)
    // Not awaited: a guest need not answer.
    reader.cancel().catch(() => {})
  }
}
