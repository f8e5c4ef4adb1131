/** A body that gives back what its request holds, when it has been read, has failed, or is wanted no more. */
export function holdUntilEnd(body: ReadableStream<Uint8Array>, held: Disposable): ReadableStream<Uint8Array> {
  const reader = body.getReader()
  let isHeld = true
  const giveBack = (): void => {
    if (isHeld) held[Symbol.dispose]()
    isHeld = false
  }
  return new ReadableStream({
    async pull(controller) {
      try {
        const { done, value } = await reader.read()
        if (!done) return controller.enqueue(value)
        giveBack()
        controller.close()
      } catch (error) {
        giveBack()
        controller.error(error)
      }
    },
    async cancel(reason) {
      giveBack()
      await reader.cancel(reason)
    },
  })
}
