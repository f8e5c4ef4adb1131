import type { PendingTasks } from "./pending-tasks.ts"

export interface ContextOptions {
  readonly exports: object
  readonly props: unknown
  readonly tasks: PendingTasks
}

/** The `ctx` of one call of the worker. */
export class ExecutionContext {
  /** Given by whoever made the stub that was called; empty for requests from outside. */
  readonly props: unknown
  /** Loopback stubs of the worker's own exports. */
  readonly exports: object
  readonly #tasks: PendingTasks

  constructor({ exports, props, tasks }: ContextOptions) {
    this.props = props ?? {}
    this.exports = exports
    this.#tasks = tasks
  }

  /** Keeps the process from stopping until the promise has settled, for as long as stopping may take. A rejection is logged. */
  waitUntil(promise: unknown): void {
    this.#tasks.add(promise)
  }

  /** Does nothing: there is no origin behind a worker here that a request could be passed through to. */
  passThroughOnException(): void {}
}
