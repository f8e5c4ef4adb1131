/** What every AsyncLocalStorage holds at a moment. Never changed, only replaced, so that keeping it is free. */
type Frame = ReadonlyMap<object, unknown>

let current: Frame = new Map()
let isTracking = false

export function currentFrame(): Frame {
  return current
}

export function withFrame<Result>(frame: Frame, call: () => Result): Result {
  const before = current
  current = frame
  try {
    return call()
  } finally {
    current = before
  }
}

export function setFrame(frame: Frame): void {
  current = frame
}

/**
 * Makes callbacks keep the frame in which they were given: promise reactions, timers, microtasks. V8 does not tell JavaScript when an async
 * function goes on after `await`, so there the frame is empty: lost, but never another's.
 */
export function trackCallbacks(): void {
  if (isTracking) return
  isTracking = true
  const { then } = Promise.prototype
  type Reaction = ((value: unknown) => unknown) | null | undefined
  Reflect.defineProperty(Promise.prototype, "then", {
    value: function (this: Promise<unknown>, onResolved?: Reaction, onRejected?: Reaction): Promise<unknown> {
      return Reflect.apply(then, this, [keeping(onResolved), keeping(onRejected)]) as Promise<unknown>
    },
    writable: true,
    configurable: true,
  })
  for (const name of ["setTimeout", "setInterval", "setImmediate", "queueMicrotask"]) keepIn(name)
}

function keepIn(name: string): void {
  const original = (globalThis as Record<string, unknown>)[name]
  if (typeof original !== "function") return
  const value = {
    [name]: (callback: unknown, ...rest: unknown[]): unknown => original(keeping(callback), ...rest) as unknown,
  }[name]
  Object.defineProperty(globalThis, name, { value, writable: true, configurable: true })
}

function keeping(callback: unknown): unknown {
  if (typeof callback !== "function") return callback
  const frame = current
  return function (this: unknown, ...args: unknown[]): unknown {
    return withFrame(frame, () => Reflect.apply(callback, this, args) as unknown)
  }
}
