import type { LoadChunk } from "../kernel.ts"
import { nameClasses } from "../web/name-classes.ts"

/** What the runtime itself has to give: its RpcTarget, by which it knows what to pass by reference, and the run. */
export interface RuntimeParts {
  readonly RpcTarget: abstract new () => object
  /** The run's. There is one also while modules are evaluated; a warm isolate has another in its next run. */
  context(): { readonly env: unknown; readonly ctx: { waitUntil(promise: unknown): void } }
}

/** `cloudflare:workers` and `cloudflare:workflows`. */
const loadCloudflare: LoadChunk = () => ({
  connect({ RpcTarget, context }: RuntimeParts): Record<string, unknown> {
    const workers = {
      ...nameClasses({ ...classes(RpcTarget), RpcTarget }),
      env: live(() => context().env as object),
      waitUntil: (promise: unknown): void => context().ctx.waitUntil(promise),
    }
    return {
      "cloudflare:workers": workers,
      "cloudflare:workflows": nameClasses({ NonRetryableError, WorkflowEntrypoint: workers.WorkflowEntrypoint }),
    }
  },
})

export default loadCloudflare

/** Stands for an object that is another one in the next run of a warm isolate. */
function live(current: () => object): object {
  return new Proxy(Object.create(null) as object, {
    get: (_target, name) => Reflect.get(current(), name) as unknown,
    set: (_target, name, value) => Reflect.set(current(), name, value),
    has: (_target, name) => Reflect.has(current(), name),
    ownKeys: () => Reflect.ownKeys(current()),
    getOwnPropertyDescriptor: (_target, name) => Reflect.getOwnPropertyDescriptor(current(), name),
  })
}

type Classes = Record<
  "WorkerEntrypoint" | "DurableObject" | "WorkflowEntrypoint",
  abstract new (ctx: unknown, env: unknown) => object
>

function classes(RpcTarget: RuntimeParts["RpcTarget"]): Classes {
  /** The shape is Cloudflare's: protected there, plain here. */
  abstract class Entrypoint {
    readonly ctx: unknown
    readonly env: unknown
    constructor(ctx: unknown, env: unknown) {
      this.ctx = ctx
      this.env = env
    }
  }
  abstract class WorkerEntrypoint extends Entrypoint {}
  abstract class WorkflowEntrypoint extends Entrypoint {}
  /** Only the class, so that modules which define one load: there is no storage behind it. */
  abstract class DurableObject extends Entrypoint {}
  Object.setPrototypeOf(Entrypoint.prototype, RpcTarget.prototype)
  return { WorkerEntrypoint, DurableObject, WorkflowEntrypoint }
}

/** Thrown by a workflow step that no retry can help. */
class NonRetryableError extends Error {
  constructor(message: string, name = "NonRetryableError") {
    super(message)
    this.name = name
  }
}
