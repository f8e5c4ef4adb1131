/* oxlint-disable typescript/consistent-type-imports, typescript/no-explicit-any, typescript/triple-slash-reference -- an ambient file imports nothing */
/// <reference path="./worker-response.d.ts" />
// Types for workers that `mayfly serve` runs: /// <reference types="mayfly/worker" /> in one of their files.
// They stand in for @cloudflare/workers-types; whoever has those does not reference these.

declare let DynamicWorker: typeof import("mayfly").DynamicWorker
declare let DynamicWorkflow: typeof import("mayfly").DynamicWorkflow
declare let Sandbox: typeof import("mayfly").Sandbox
declare let WorkerLoader: typeof import("mayfly").WorkerLoader
declare let WebSocketPair: typeof import("mayfly").WebSocketPair

/** The types of `env.WORKFLOWS`, `env.LOADER` and `env.SANDBOX`. */
type WorkflowBinding = import("mayfly").Platform["env"]["WORKFLOWS"]
type LoaderBinding = import("mayfly").Platform["env"]["LOADER"]
type SandboxBinding = import("mayfly").Platform["env"]["SANDBOX"]

interface ResponseInit {
  readonly webSocket?: import("mayfly").RunWebSocket | null
}
interface Response {
  /** Of an upgrade: a WebSocket that waits for `accept()`, or to be passed on. */
  readonly webSocket?: import("mayfly").RunWebSocket | null
}

/** `ctx`, the third argument of handlers and `this.ctx` of entrypoints. */
interface ExecutionContext<Props = unknown> {
  readonly props: Props
  /** Stubs of the worker's own exports by name; called with `{ props }` they give one with these props. */
  readonly exports: Readonly<Record<string, any>>
  waitUntil(promise: unknown): void
  passThroughOnException(): void
}

declare module "cloudflare:workers" {
  import { RpcTarget } from "mayfly"
  export { RpcTarget }
  export class WorkerEntrypoint<Env = Readonly<Record<string, unknown>>, Props = unknown> extends RpcTarget {
    protected readonly ctx: ExecutionContext<Props>
    protected readonly env: Env
    constructor(ctx: ExecutionContext<Props>, env: Env)
  }
  export class WorkflowEntrypoint<Env = Readonly<Record<string, any>>, Params = unknown> extends RpcTarget {
    protected readonly ctx: ExecutionContext
    protected readonly env: Env
    constructor(ctx: ExecutionContext, env: Env)
    run(event: WorkflowEvent<Params>, step: WorkflowStep): Promise<unknown>
  }
  export interface WorkflowEvent<Params = unknown> {
    readonly payload: Params
    readonly timestamp: Date
    readonly instanceId: string
    readonly workflowName: string
    readonly schedule?: { readonly cron?: string; readonly scheduledTime: number }
  }
  export interface WorkflowStepConfig {
    readonly retries?: {
      readonly limit: number
      readonly delay: string | number
      readonly backoff?: "constant" | "linear" | "exponential"
    }
    readonly timeout?: string | number
  }
  export interface WorkflowStepContext {
    readonly step: { readonly name: string; readonly count: number }
    readonly attempt: number
    readonly idempotencyKey: string
  }
  export interface WorkflowStepUndo {
    readonly rollback?: (about: { readonly error: Error; readonly output: any; readonly stepName: string }) => unknown
    readonly rollbackConfig?: WorkflowStepConfig
  }
  export interface WorkflowStep {
    do<T>(name: string, callback: (ctx: WorkflowStepContext) => Promise<T> | T, undo?: WorkflowStepUndo): Promise<T>
    do<T>(
      name: string,
      config: WorkflowStepConfig,
      callback: (ctx: WorkflowStepContext) => Promise<T> | T,
      undo?: WorkflowStepUndo,
    ): Promise<T>
    sleep(name: string, duration: string | number): Promise<void>
    sleepUntil(name: string, moment: Date | number): Promise<void>
    waitForEvent<T = any>(
      name: string,
      options: { readonly type: string; readonly timeout?: string | number },
    ): Promise<{ readonly payload: T; readonly timestamp: Date; readonly type: string }>
    /** Beyond Cloudflare: another workflow, made of code, waited for. */
    workflow(name: string, options: { readonly script: string; readonly params?: unknown }): Promise<any>
  }
  export class DurableObject<Env = Readonly<Record<string, unknown>>> extends RpcTarget {
    protected readonly ctx: import("mayfly").DurableObjectState
    protected readonly env: Env
    constructor(ctx: import("mayfly").DurableObjectState, env: Env)
  }
  export const env: Readonly<Record<string, unknown>>
  export const exports: Readonly<Record<string, any>>
  export function waitUntil(promise: unknown): void
  export function withEnv<T>(env: object, call: () => T): T
}

declare module "cloudflare:workflows" {
  export class NonRetryableError extends Error {
    constructor(message: string, name?: string)
  }
}
