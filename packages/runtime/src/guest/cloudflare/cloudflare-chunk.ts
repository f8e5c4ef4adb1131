import type { LoadChunk } from "../kernel.ts"
import { nameClasses } from "../web/name-classes.ts"

/** What the runtime itself has to give: its RpcTarget, by which it knows what to pass by reference, and the run. */
export interface RuntimeParts {
  readonly RpcTarget: abstract new () => object
  /** Made once per run, also when it is asked for before the program is called. */
  context(): { readonly env: unknown; readonly ctx: { waitUntil(promise: unknown): void } }
}

/** `cloudflare:workers` and `cloudflare:workflows`. */
const loadCloudflare: LoadChunk = () => ({
  connect({ RpcTarget, context }: RuntimeParts): Record<string, unknown> {
    const workers = {
      ...nameClasses(classes(RpcTarget)),
      RpcTarget,
      waitUntil: (promise: unknown): void => context().ctx.waitUntil(promise),
    }
    Object.defineProperty(workers, "env", { get: () => context().env, enumerable: true })
    return { "cloudflare:workers": workers, "cloudflare:workflows": nameClasses({ NonRetryableError, WorkflowEntrypoint: workers.WorkflowEntrypoint }) }
  },
})

export default loadCloudflare

type Classes = Record<"WorkerEntrypoint" | "DurableObject" | "WorkflowEntrypoint", abstract new (ctx: unknown, env: unknown) => object>

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
