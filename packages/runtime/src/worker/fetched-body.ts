/** Told of what becomes of a body that is still read when the request has been answered. */
export interface BodyWatcher {
  onError(error: unknown): void
}

/**
 * The body of an answer as it goes to a guest: bytes when it is small and all there, which saves the guest a question,
 * else the stream. Rejects with the body's error when it fails at once.
 */
export async function fetchedBody(
  body: ReadableStream<Uint8Array> | null,
  watcher: BodyWatcher,
): Promise<Uint8Array | ReadableStream<Uint8Array> | null> {
  if (body === null) return null
  const reader = body.getReader()
  const chunks: Uint8Array[] = []
  let bytes = 0
  for (;;) {
    const read = reader.read()
    const result = await Promise.race([read, nextTurn()])
    if (result === undefined) return restOf(reader, { chunks, read, watcher })
    if (result.done) return Buffer.concat(chunks)
    chunks.push(result.value)
    bytes += result.value.byteLength
    if (bytes > maxInlineBytes) return restOf(reader, { chunks, read: undefined, watcher })
  }
}

const maxInlineBytes = 64 << 10

type Reader = ReadableStreamDefaultReader<Uint8Array>

interface Rest {
  /** What was read already. */
  readonly chunks: readonly Uint8Array[]
  /** A read that was begun. */
  readonly read: ReturnType<Reader["read"]> | undefined
  readonly watcher: BodyWatcher
}

function restOf(reader: Reader, { chunks, read, watcher }: Rest): ReadableStream<Uint8Array> {
  let pending = read
  // Whoever reads next is told.
  pending?.catch(() => {})
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        for (const chunk of chunks) controller.enqueue(chunk)
      },
      async pull(controller) {
        try {
          const next = pending ?? reader.read()
          pending = undefined
          const { done, value } = await next
          if (done) controller.close()
          else controller.enqueue(value)
        } catch (error) {
          watcher.onError(error)
          throw error
        }
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  )
}

/** What the connection holds already is there after a turn of the event loop. */
function nextTurn(): Promise<undefined> {
  return new Promise((resolve) => setImmediate(resolve, undefined))
}
