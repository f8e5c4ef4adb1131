// Types for workers that `mayfly serve` runs: `import type {} from "mayfly/worker"` in one of their files.
// Whoever has @cloudflare/workers-types uses those instead; only DynamicWorker and WorkerLoader as globals are ours.
import type {
  DynamicWorker as DynamicWorkerClass,
  RpcTarget as RpcTargetClass,
  WorkerLoader as WorkerLoaderClass,
} from "mayfly"

declare global {
  var DynamicWorker: typeof DynamicWorkerClass
  var WorkerLoader: typeof WorkerLoaderClass

  /** `ctx`, the third argument of handlers and `this.ctx` of entrypoints. */
  interface WorkerContext<Props = unknown> {
    readonly props: Props
    /** Stubs of the worker's own exports, by name; called with `{ props }` they give one with these props. */
    // oxlint-disable-next-line typescript/no-explicit-any
    readonly exports: Readonly<Record<string, any>>
    waitUntil(promise: unknown): void
    passThroughOnException(): void
  }
}

declare module "cloudflare:workers" {
  export const RpcTarget: typeof RpcTargetClass
  export class WorkerEntrypoint<Env = Readonly<Record<string, unknown>>, Props = unknown> extends RpcTargetClass {
    protected readonly ctx: WorkerContext<Props>
    protected readonly env: Env
    constructor(ctx: WorkerContext<Props>, env: Env)
  }
  export class WorkflowEntrypoint<Env = Readonly<Record<string, unknown>>> extends RpcTargetClass {
    protected readonly ctx: WorkerContext
    protected readonly env: Env
    constructor(ctx: WorkerContext, env: Env)
  }
  export class DurableObject<Env = Readonly<Record<string, unknown>>> extends RpcTargetClass {
    protected readonly ctx: unknown
    protected readonly env: Env
    constructor(ctx: unknown, env: Env)
  }
  export const env: Readonly<Record<string, unknown>>
  // oxlint-disable-next-line typescript/no-explicit-any
  export const exports: Readonly<Record<string, any>>
  export function waitUntil(promise: unknown): void
  export function withEnv<T>(env: object, call: () => T): T
}

declare module "cloudflare:workflows" {
  export class NonRetryableError extends Error {
    constructor(message: string, name?: string)
  }
}
