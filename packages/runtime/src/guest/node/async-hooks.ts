import { currentFrame, setFrame, trackCallbacks, withFrame } from "./async-context.ts"

type Call<Args extends unknown[], Result> = (...args: Args) => Result

/** https://nodejs.org/api/async_context.html#class-asynclocalstorage */
export class AsyncLocalStorage {
  readonly name: string
  readonly #default: unknown

  constructor(options: { readonly name?: string; readonly defaultValue?: unknown } = {}) {
    trackCallbacks()
    this.name = options.name ?? ""
    this.#default = options.defaultValue
  }

  static bind<Args extends unknown[], Result>(call: Call<Args, Result>): Call<Args, Result> {
    const run = AsyncLocalStorage.snapshot()
    return (...args) => run(call, ...args)
  }

  static snapshot(): <Args extends unknown[], Result>(call: Call<Args, Result>, ...args: Args) => Result {
    const frame = currentFrame()
    return (call, ...args) => withFrame(frame, () => call(...args))
  }

  getStore(): unknown {
    return currentFrame().has(this) ? currentFrame().get(this) : this.#default
  }

  run<Args extends unknown[], Result>(store: unknown, call: Call<Args, Result>, ...args: Args): Result {
    return withFrame(this.#with(store), () => call(...args))
  }

  exit<Args extends unknown[], Result>(call: Call<Args, Result>, ...args: Args): Result {
    return this.run(undefined, call, ...args)
  }

  enterWith(store: unknown): void {
    setFrame(this.#with(store))
  }

  disable(): void {
    const frame = new Map(currentFrame())
    frame.delete(this)
    setFrame(frame)
  }

  #with(store: unknown): ReadonlyMap<object, unknown> {
    return new Map(currentFrame()).set(this, store)
  }
}

/** https://nodejs.org/api/async_context.html#class-asyncresource */
export class AsyncResource {
  readonly type: string
  readonly #frame = currentFrame()

  constructor(type: string) {
    trackCallbacks()
    this.type = type
  }

  static bind<Args extends unknown[], Result>(call: Call<Args, Result>): Call<Args, Result> {
    return AsyncLocalStorage.bind(call)
  }

  bind<Args extends unknown[], Result>(call: Call<Args, Result>): Call<Args, Result> {
    return (...args) => this.runInAsyncScope(call, undefined, ...args)
  }

  runInAsyncScope<Args extends unknown[], Result>(call: Call<Args, Result>, target?: unknown, ...args: Args): Result {
    return withFrame(this.#frame, () => Reflect.apply(call, target, args) as Result)
  }

  emitDestroy(): this {
    return this
  }

  asyncId(): number {
    return 0
  }

  triggerAsyncId(): number {
    return 0
  }
}
