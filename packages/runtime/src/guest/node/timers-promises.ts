interface TimerOptions {
  readonly signal?: AbortSignal
}

/** `node:timers/promises`. */
export function timersPromises(): object {
  return {
    setTimeout: wait,
    setImmediate: (value?: unknown) => wait(0, value),
    setInterval: ticks,
    scheduler: { wait: (ms: number) => wait(ms) },
  }
}

function wait(ms?: number, value?: unknown, { signal }: TimerOptions = {}): Promise<unknown> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) return reject(aborted(signal))
    const onAbort = (): void => {
      clearTimeout(timer)
      reject(aborted(signal))
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort)
      resolve(value)
    }, ms)
    signal?.addEventListener("abort", onAbort, { once: true })
  })
}

async function* ticks(ms?: number, value?: unknown, options: TimerOptions = {}): AsyncGenerator<unknown> {
  for (;;) {
    await wait(ms, value, options)
    yield value
  }
}

function aborted(signal: AbortSignal | undefined): Error {
  const error = new Error("The operation was aborted", { cause: signal?.reason })
  return Object.assign(error, { name: "AbortError", code: "ABORT_ERR" })
}
