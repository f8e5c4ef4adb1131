import { AsyncLocalStorage } from "node:async_hooks"
import type { ExecutionContext } from "../execution-context.ts"
import type { KeptRequest } from "../kept-request.ts"

/** What the code that runs now may use: `env`, `exports` and `ctx` of one call of the worker. */
export interface Invocation {
  readonly env: object
  readonly exports: object
  /** None while modules are evaluated. */
  readonly ctx: ExecutionContext | undefined
  /** The request from outside that it serves. */
  readonly origin?: KeptRequest | "again"
}

const storage = new AsyncLocalStorage<Invocation>()

/** Runs `call`, and all that it starts, as part of an invocation. */
export function invoke<T>(invocation: Invocation, call: () => T): T {
  return storage.run(invocation, call)
}

/** Undefined when no code of a worker is running, or not because of a request. */
export function currentOrigin(): Invocation["origin"] {
  return storage.getStore()?.origin
}

/** Throws when no code of a worker is running. */
export function currentInvocation(): Invocation {
  const found = storage.getStore()
  if (found === undefined) throw new Error("only a worker that `mayfly serve` runs has env, exports and waitUntil")
  return found
}
