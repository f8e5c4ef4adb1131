/** The result of a promise that cannot be cancelled itself, or a rejection with the signal's reason when that fires first. */
export function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: result, resolve, reject } = Promise.withResolvers<T>()
  const onAbort = (): void => reject(signal.reason)
  signal.addEventListener("abort", onAbort, { once: true })
  promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort))
  if (signal.aborted) onAbort()
  return result
}
