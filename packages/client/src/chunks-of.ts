/** The pieces of a body. Browsers do not all iterate streams by themselves. Leaving the loop cancels it. */
export async function* chunksOf(body: ReadableStream<Uint8Array> | null): AsyncGenerator<Uint8Array, void, void> {
  if (body === null) return
  const reader = body.getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      yield value
    }
  } finally {
    // Whoever is reached no more takes no part in it: nobody waits for that.
    reader.cancel().catch(() => {})
  }
}
