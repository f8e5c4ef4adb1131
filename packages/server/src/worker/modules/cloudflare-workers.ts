// `cloudflare:workers` for the worker that `mayfly serve` runs.
import { RpcTarget } from "@mayfly/platform"
import { currentInvocation, invoke } from "./invocation.ts"

export { RpcTarget }

/** The shape is Cloudflare's: protected there, plain here. Instances are passed by reference. */
class Entrypoint extends RpcTarget {
  readonly ctx: unknown
  readonly env: unknown

  constructor(ctx: unknown, env: unknown) {
    super()
    this.ctx = ctx
    this.env = env
  }
}

export class WorkerEntrypoint extends Entrypoint {}
export class WorkflowEntrypoint extends Entrypoint {}
/** Exported classes of these are namespaces in `ctx.exports`; their `ctx` has facets, and no storage of their own. */
export class DurableObject extends Entrypoint {}

/** The env of the call that runs. */
export const env = live(() => currentInvocation().env)

/** Loopback stubs of the worker's own exports, as `ctx.exports`. */
export const exports = live(() => currentInvocation().exports)

export function waitUntil(promise: unknown): void {
  const { ctx } = currentInvocation()
  if (ctx === undefined) throw new Error("waitUntil can be called in handlers only, not while the module is evaluated")
  ctx.waitUntil(promise)
}

/** Calls `call` with another global `env`. */
export function withEnv<T>(other: object, call: () => T): T {
  return invoke({ ...currentInvocation(), env: other }, call)
}

/** Stands for an object that is another one in the next call. */
function live(current: () => object): object {
  return new Proxy(Object.create(null) as object, {
    get: (_target, name) => Reflect.get(current(), name) as unknown,
    set: (_target, name, value) => Reflect.set(current(), name, value),
    has: (_target, name) => Reflect.has(current(), name),
    ownKeys: () => Reflect.ownKeys(current()),
    getOwnPropertyDescriptor(_target, name) {
      const found = Reflect.getOwnPropertyDescriptor(current(), name)
      // The stand-in does not have it, so it can't be reported as fixed.
      return found === undefined ? undefined : { ...found, configurable: true }
    },
  })
}
