import { MayflyError } from "@mayfly/protocol"
import { within } from "./read-json-body.ts"
import type { Call } from "./route/call.ts"

/**
 * The bytes of a request's body as they come, however many they are. Throws `server.body-timeout` after a pause that is too long, `input.invalid` when the
 * client went before its end, `sandbox.aborted` when the key ended or the server stops.
 */
export async function* readByteStream({ c, server, signal }: Call): AsyncGenerator<Uint8Array, void, void> {
  const reader = (c.req.raw.body as ReadableStream<Uint8Array> | null)?.getReader()
  if (reader === undefined) return
  const { promise: ended, reject } = Promise.withResolvers<never>()
  ended.catch(() => {})
  const onEnd = (): void =>
    reject(new MayflyError("sandbox.aborted", `the upload ended: ${String(signal.reason?.message)}`))
  signal.addEventListener("abort", onEnd, { once: true })
  if (signal.aborted) onEnd()
  // Only the wait for the client is timed: what takes the bytes may be slow.
  const next = (): ReturnType<typeof reader.read> => within(server.body.timeoutMs, Promise.race([reader.read(), ended]))
  try {
    for (let read = await next(); !read.done; read = await next()) yield read.value
  } catch (cause) {
    if (cause instanceof MayflyError) throw cause
    throw new MayflyError("input.invalid", "the request body ended early", { cause })
  } finally {
    signal.removeEventListener("abort", onEnd)
    reader.cancel().catch(() => {})
  }
}
