export interface Followable extends Disposable {
  readonly signal: AbortSignal
  /** The events until the caller's signal fires, which is no failure. */
  until<T>(events: AsyncIterable<T>): AsyncGenerator<T, void, void>
}

/** A request that ends with the caller's signal, and when whoever reads its answer is done. */
export function followable(signal: AbortSignal | undefined): Followable {
  const left = new AbortController()
  const ends = signal === undefined ? left.signal : AbortSignal.any([signal, left.signal])
  return {
    signal: ends,
    async *until(events) {
      try {
        yield* events
      } catch (error) {
        if (signal?.aborted !== true) throw error
      }
    },
    [Symbol.dispose]: () => left.abort(),
  }
}
