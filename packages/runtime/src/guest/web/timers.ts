import type { Kernel } from "../kernel.ts"
import { argumentError } from "./argument-error.ts"
import { defineFunctions } from "./define-global.ts"
import { maxDelayMs } from "./pending-timers.ts"
import type { PendingTimers } from "./pending-timers.ts"

const { apply } = Reflect

interface Timer {
  readonly callback: object
  readonly values: unknown[]
  readonly ms: number
  readonly repeats: boolean
  /** Null while the callback runs: nothing is pending then. */
  handle: number | null
}

export function installTimers(kernel: Kernel, pending: PendingTimers): void {
  const timers = createTimers(kernel, pending)
  defineFunctions(kernel, {
    setTimeout: (callback: unknown, ms?: unknown, ...values: unknown[]) =>
      timers.start(callback, { ms: delay(ms), values, repeats: false }),
    setInterval: (callback: unknown, ms?: unknown, ...values: unknown[]) =>
      timers.start(callback, { ms: delay(ms), values, repeats: true }),
    setImmediate: (callback: unknown, ...values: unknown[]) =>
      timers.start(callback, { ms: 0, values, repeats: false }),
    clearTimeout: (id?: unknown) => timers.stop(id),
    clearInterval: (id?: unknown) => timers.stop(id),
    clearImmediate: (id?: unknown) => timers.stop(id),
    queueMicrotask: (callback: unknown) => void runLater(kernel, requireFunction(callback)),
    reportError(...values: unknown[]): void {
      if (values.length === 0) throw argumentError('The "error" argument must be specified', "ERR_MISSING_ARGS")
      kernel.report(values[0])
    },
  })
}

type Start = Pick<Timer, "ms" | "values" | "repeats">

interface Timers {
  start(callback: unknown, options: Start): number
  stop(id: unknown): void
}

function createTimers(kernel: Kernel, pending: PendingTimers): Timers {
  const timers = new Map<number, Timer>()
  let lastId = 0

  const arm = (id: number, timer: Timer): void => {
    timer.handle = pending.start(() => fire(id, timer), timer.ms)
  }
  const fire = (id: number, timer: Timer): void => {
    timer.handle = null
    if (!timer.repeats) timers.delete(id)
    try {
      apply(timer.callback as () => unknown, undefined, timer.values)
    } catch (error) {
      kernel.report(error)
    }
    // The callback may have cleared its own interval.
    if (timer.repeats && timers.has(id)) arm(id, timer)
  }

  return {
    start(callback, options) {
      const timer: Timer = { callback: requireFunction(callback), ...options, handle: null }
      arm(lastId + 1, timer)
      timers.set(++lastId, timer)
      return lastId
    },
    stop(id) {
      // Other types name no timer, and converting them would run guest code.
      const key = typeof id === "string" ? Number(id) : id
      const timer = typeof key === "number" ? timers.get(key) : undefined
      if (timer === undefined) return
      timers.delete(key as number)
      if (timer.handle !== null) pending.stop(timer.handle)
    },
  }
}

/** Node's rule: what is no delay is 1 ms. */
function delay(ms: unknown): number {
  const value = Number(ms)
  return value >= 1 && value <= maxDelayMs ? Math.trunc(value) : 1
}

/** `await` cannot be replaced by guest code, `Promise.prototype.then` can. */
async function runLater(kernel: Kernel, callback: () => unknown): Promise<void> {
  // oxlint-disable-next-line typescript/await-thenable -- a turn of the microtask queue is the point
  await undefined
  try {
    callback()
  } catch (error) {
    kernel.report(error)
  }
}

function requireFunction(callback: unknown): () => unknown {
  if (typeof callback === "function") return callback as () => unknown
  throw argumentError('The "callback" argument must be of type function')
}
