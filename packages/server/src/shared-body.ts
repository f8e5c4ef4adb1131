const chunkBytes = 64 << 10

/**
 * The same bytes for many readers, each at its own pace. As a body of its own each answer would hold a copy until its reader has taken it, and strangers may
 * ask for pages as often as they like.
 */
export function sharedBody(bytes: Uint8Array): ReadableStream<Uint8Array> {
  let at = 0
  return new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (at >= bytes.byteLength) return controller.close()
        // Copied piece by piece: who is given a piece may take its memory away.
        controller.enqueue(bytes.slice(at, at + chunkBytes))
        at += chunkBytes
      },
    },
    { highWaterMark: 0 },
  )
}
