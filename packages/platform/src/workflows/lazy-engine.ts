import { MayflyError } from "@mayfly/protocol"
import type { Runtime } from "@mayfly/runtime"
import type { Store } from "@mayfly/store"
import { type EngineOptions, type WorkflowClasses, WorkflowEngine } from "@mayfly/workflows"
import type { WorkflowStats } from "../platform-stats.ts"
import { IsolateStepRunner } from "./isolate-step-runner.ts"

/** The workflow engine of a platform, started when somebody first needs it, or when an earlier process has left something to do. */
export class LazyEngine {
  readonly #runtime: Runtime
  readonly #store: () => Promise<Store>
  readonly #options: Required<Pick<EngineOptions, "sandbox" | "governor">>
  #starting: Promise<WorkflowEngine> | undefined
  #classes: WorkflowClasses | undefined
  #isStopped = false

  constructor(
    runtime: Runtime,
    store: () => Promise<Store>,
    options: Required<Pick<EngineOptions, "sandbox" | "governor">>,
  ) {
    this.#runtime = runtime
    this.#options = options
    this.#store = store
  }

  get(): Promise<WorkflowEngine> {
    if (this.#isStopped) return Promise.reject(new MayflyError("platform.disposed", "the platform was disposed"))
    if (this.#starting === undefined) {
      const starting = this.#start()
      this.#starting = starting
      // Asked again, it tries again.
      starting.catch(() => (this.#starting = undefined))
    }
    return this.#starting
  }

  /** The engine, if it was started. */
  async started(): Promise<WorkflowEngine | undefined> {
    return this.#isStopped ? undefined : this.#starting?.catch(() => undefined)
  }

  /** Rejects when the engine was started and its store fails. */
  async provideClasses(classes: WorkflowClasses): Promise<void> {
    this.#classes = classes
    await (await this.started())?.provideClasses(classes)
  }

  /** Undefined when it was not started. */
  async stats(): Promise<WorkflowStats | undefined> {
    const engine = await this.started()
    if (engine === undefined || this.#isStopped) return undefined
    return { active: engine.active, byStatus: await engine.store.countByStatus() }
  }

  /** Stops it when it was started. Calling twice is safe. */
  async stop(): Promise<void> {
    this.#isStopped = true
    await (await this.#starting?.catch(() => undefined))?.stop()
  }

  async #start(): Promise<WorkflowEngine> {
    const runner = new IsolateStepRunner(this.#runtime)
    const engine = await WorkflowEngine.start({ store: await this.#store(), runner, ...this.#options })
    if (this.#classes !== undefined) await engine.provideClasses(this.#classes)
    return engine
  }
}
