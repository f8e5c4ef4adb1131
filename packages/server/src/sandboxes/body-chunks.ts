import { MayflyError } from "@mayfly/protocol"

/** A body as it comes, however long it is. */
export async function* bodyChunks(request: Request): AsyncGenerator<Uint8Array, void, void> {
  try {
    if (request.body !== null) yield* request.body as AsyncIterable<Uint8Array>
  } catch (cause) {
    throw new MayflyError("input.invalid", "the request body ended early", { cause })
  }
}
