type Callback = (error: unknown, value: unknown) => void
type CallbackFunction = (...args: unknown[]) => unknown

const custom = Symbol.for("nodejs.util.promisify.custom")

/** `util.promisify`, with `promisify.custom` and the timers' own ways. */
export function promisify(original: unknown): (...args: unknown[]) => Promise<unknown> {
  if (typeof original !== "function") throw invalidFunction("original", original)
  const own: unknown = (original as unknown as Record<symbol, unknown>)[custom]
  if (typeof own === "function") return own as (...args: unknown[]) => Promise<unknown>
  if (original === setTimeout)
    return (ms, value) => new Promise((resolve) => setTimeout(() => resolve(value), ms as number))
  function promisified(this: unknown, ...args: unknown[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const callback: Callback = (error, value) => {
        if (error !== null && error !== undefined && error !== false) reject(error as Error)
        else resolve(value)
      }
      void Reflect.apply(original as CallbackFunction, this, [...args, callback])
    })
  }
  Object.setPrototypeOf(promisified, Object.getPrototypeOf(original) as object)
  Object.defineProperty(promisified, custom, { value: promisified, configurable: true })
  return Object.defineProperties(promisified, Object.getOwnPropertyDescriptors(original))
}
promisify.custom = custom

/** `util.callbackify`. A rejection without a value reaches the callback as an Error, or else it would look like success. */
export function callbackify(original: unknown): (...args: unknown[]) => void {
  if (typeof original !== "function") throw invalidFunction("original", original)
  return function callbackified(this: unknown, ...args: unknown[]): void {
    const callback = args.pop()
    if (typeof callback !== "function") throw invalidFunction("last argument", callback)
    const promise = Reflect.apply(original as (...given: unknown[]) => Promise<unknown>, this, args)
    promise.then(
      (value) => queueMicrotask(() => void callback.call(this, null, value)),
      (error: unknown) => queueMicrotask(() => void callback.call(this, error ?? falsyRejection(error))),
    )
  }
}

function falsyRejection(reason: unknown): Error {
  return Object.assign(new Error("Promise was rejected with falsy value"), {
    reason,
    code: "ERR_FALSY_VALUE_REJECTION",
  })
}

function invalidFunction(name: string, value: unknown): TypeError {
  const got = value === null || value === undefined ? `${value as null}` : `type ${typeof value}`
  const error = new TypeError(`The "${name}" argument must be of type function. Received ${got}`)
  return Object.assign(error, { code: "ERR_INVALID_ARG_TYPE" })
}
