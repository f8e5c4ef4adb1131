import { MayflyError } from "@mayfly/protocol"
import { within } from "./read-json-body.ts"

/** The bytes of a body as they come. Throws `server.body-timeout` after a pause that is too long, `input.invalid` when the client went before its end. */
export async function* readByteStream(request: Request, pauseMs: number): AsyncGenerator<Uint8Array, void, void> {
  const reader = (request.body as ReadableStream<Uint8Array> | null)?.getReader()
  if (reader === undefined) return
  try {
    // Only the wait for the client is timed: what takes the bytes may be slow.
    for (let read = await within(pauseMs, reader.read()); !read.done; read = await within(pauseMs, reader.read()))
      yield read.value
  } catch (cause) {
    if (cause instanceof MayflyError) throw cause
    throw new MayflyError("input.invalid", "the request body ended early", { cause })
  } finally {
    reader.cancel().catch(() => {})
  }
}
