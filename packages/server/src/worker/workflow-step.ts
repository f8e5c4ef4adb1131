import { RpcTarget, type ScriptSteps } from "@mayfly/platform"

/** Cloudflare's `step` for a workflow class of the worker's. It can be handed to a guest, which may call its methods and nothing else. */
export class WorkflowStep extends RpcTarget {
  readonly #steps: ScriptSteps

  constructor(steps: ScriptSteps) {
    super()
    this.#steps = steps
  }

  /** `(name, callback, rollback?)` or `(name, config, callback, rollback?)`. */
  async do(name: unknown, ...rest: readonly unknown[]): Promise<unknown> {
    const [config, callback, undo] = typeof rest[0] === "function" ? [undefined, ...rest] : rest
    const { rollback, rollbackConfig } = (undo ?? {}) as { rollback?: unknown; rollbackConfig?: unknown }
    return (await this.#steps.do({ name, config, callback, rollback, rollbackConfig })).value
  }

  async sleep(name: unknown, duration: unknown): Promise<void> {
    await this.#steps.sleep(name, duration)
  }

  async sleepUntil(name: unknown, moment: unknown): Promise<void> {
    await this.#steps.sleepUntil(name, moment)
  }

  async waitForEvent(name: unknown, options: unknown): Promise<unknown> {
    return (await this.#steps.waitForEvent(name, options)).value
  }

  /** Beyond Cloudflare: another instance, made of code, waited for. */
  async workflow(name: unknown, options: unknown): Promise<unknown> {
    return (await this.#steps.workflow(name, options)).value
  }
}
