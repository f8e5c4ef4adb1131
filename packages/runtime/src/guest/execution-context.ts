import type { GuestKernel } from "./guest-kernel.ts"
import type { Loopback } from "./loopback.ts"

// Taken at evaluation, before guest code can replace them.
const PromiseOf = Promise
const { apply } = Reflect
const promiseThen = Promise.prototype.then
const ignore = (): void => {}

/** `ctx`, as at Cloudflare, and the run's signal. */
export interface ExecutionContext {
  waitUntil(promise: unknown): void
  passThroughOnException(): void
  readonly props: unknown
  /** The program's own entrypoints, by the names of their exports. */
  readonly exports: object
  /** Fires when the caller cancels the run, and shortly before its time is over. */
  readonly signal: unknown
}

/** What the contexts of one run share: that of its handler, and those of entrypoints that the program calls itself. */
export interface ContextParts {
  readonly kernel: GuestKernel
  readonly env: unknown
  readonly background: unknown[]
  signal?: unknown
  loopback?: Loopback
}

/** Exports and signal are made when the program asks for them: few do. */
export function executionContext(parts: ContextParts, props: unknown): ExecutionContext {
  const { background, kernel } = parts
  return {
    waitUntil(promise) {
      const work = new PromiseOf((resolve) => resolve(promise))
      // Its failure is told when its turn comes; until then it is not unhandled.
      void apply(promiseThen, work, [undefined, ignore])
      background[background.length] = work
    },
    passThroughOnException() {},
    props,
    get exports() {
      return (parts.loopback ??= kernel.rich.createLoopback(parts)).exports
    },
    get signal() {
      return (parts.signal ??= kernel.rich.createRunSignal(kernel))
    },
  }
}
