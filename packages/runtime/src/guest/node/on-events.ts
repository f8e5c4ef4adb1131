interface Emitter {
  on(name: string | symbol, listener: (...values: unknown[]) => void): unknown
  off(name: string | symbol, listener: (...values: unknown[]) => void): unknown
}

interface OnOptions {
  readonly signal?: AbortSignal
  readonly close?: readonly (string | symbol)[]
}

/** `events.on`: the events of an emitter as an async iterator of argument lists. An "error" event or an aborted signal ends it by throwing. */
export function onEvents(
  emitter: Emitter,
  name: string | symbol,
  options: OnOptions = {},
): AsyncIterableIterator<unknown[]> & AsyncDisposable {
  const values: unknown[][] = []
  const waiting: PromiseWithResolvers<IteratorResult<unknown[]>>[] = []
  let failure: { readonly error: unknown } | undefined
  let isOver = false

  const onValue = (...value: unknown[]): void => {
    const next = waiting.shift()
    if (next === undefined) values.push(value)
    else next.resolve({ value, done: false })
  }
  const close = (): void => {
    isOver = true
    emitter.off(name, onValue)
    emitter.off("error", onError)
    for (const event of options.close ?? []) emitter.off(event, close)
    options.signal?.removeEventListener("abort", onAbort)
    for (const next of waiting.splice(0)) next.resolve({ value: undefined, done: true })
  }
  const onError = (error: unknown): void => {
    const next = waiting.shift()
    if (next === undefined) failure = { error }
    else next.reject(error)
    close()
  }
  const onAbort = (): void => onError(abortError(options.signal))

  if (options.signal?.aborted === true) throw abortError(options.signal)
  emitter.on(name, onValue)
  if (name !== "error") emitter.on("error", onError)
  for (const event of options.close ?? []) emitter.on(event, close)
  options.signal?.addEventListener("abort", onAbort)

  return {
    next() {
      const value = values.shift()
      if (value !== undefined) return Promise.resolve({ value, done: false })
      if (failure !== undefined) {
        const { error } = failure
        failure = undefined
        return Promise.reject(error as Error)
      }
      if (isOver) return Promise.resolve({ value: undefined, done: true })
      const next = Promise.withResolvers<IteratorResult<unknown[]>>()
      waiting.push(next)
      return next.promise
    },
    return() {
      close()
      return Promise.resolve({ value: undefined, done: true })
    },
    throw(error: unknown) {
      onError(error)
      return Promise.resolve({ value: undefined, done: true })
    },
    [Symbol.asyncIterator]() {
      return this
    },
    async [Symbol.asyncDispose]() {
      close()
    },
  }
}

function abortError(signal: AbortSignal | undefined): Error {
  const error = new Error("The operation was aborted", { cause: signal?.reason })
  return Object.assign(error, { name: "AbortError", code: "ABORT_ERR" })
}
