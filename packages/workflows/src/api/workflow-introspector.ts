import type { InstanceStatus } from "@mayfly/protocol"
import { isEnded } from "../core/control.ts"
import type { DoStep, StepHost } from "../core/step-host.ts"
import { encodeFailure, encodeResult, failureOf } from "../define/codec.ts"
import type { WorkflowEngine } from "../engine/engine.ts"
import type { Interceptor } from "../engine/instance-runner.ts"
import type { Claimed } from "../store/workflow-store.ts"
import type { DynamicWorkflow } from "./dynamic-workflow.ts"

export interface StepSelector {
  readonly name: string
  /** Which step of that name, from 1. Default: every one. */
  readonly index?: number
}

/** Which instances: one by its id, or all of the tenant. */
type Mock = { readonly id: string | undefined } & (
  | { readonly kind: "result"; readonly step: StepSelector; readonly value: string }
  | { readonly kind: "error"; readonly step: StepSelector; readonly failure: string; times: number }
  | { readonly kind: "event"; readonly type: string; readonly payload: unknown }
  | { readonly kind: "sleeps" }
  | { readonly kind: "delays" }
)

/**
 * For tests of workflows, as Cloudflare's introspection: skips sleeps, replaces what steps do, sends events. What it says holds for instances that it names, from
 * their next activation on; create them afterwards. Dispose it to let everything be as it is.
 */
export class WorkflowIntrospector implements Disposable {
  readonly #engine: WorkflowEngine
  readonly #tenant: string
  readonly #before: Interceptor
  readonly #id: string | undefined
  #mocks: Mock[] = []

  constructor(engine: WorkflowEngine, tenant: string, id?: string) {
    this.#engine = engine
    this.#tenant = tenant
    this.#id = id
    this.#before = engine.intercept
    engine.intercept = (claimed, host) => this.#wrap(claimed, this.#before(claimed, host))
  }

  /** Sleeps take no time. */
  disableSleeps(): this {
    return this.#add({ kind: "sleeps", id: this.#id })
  }

  /** Failed steps are tried again at once. */
  disableRetryDelays(): this {
    return this.#add({ kind: "delays", id: this.#id })
  }

  /** The step gives this without running. */
  mockStepResult(step: StepSelector, value: unknown): this {
    return this.#add({ kind: "result", id: this.#id, step, value: encodeResult(value, "value") })
  }

  /** The step's attempts fail with this, `times` of them, by default all. */
  mockStepError(step: StepSelector, error: Error, times = Infinity): this {
    return this.#add({ kind: "error", id: this.#id, step, failure: encodeFailure(failureOf(error)), times })
  }

  /** The step's attempts run out of time. */
  forceStepTimeout(step: StepSelector, times = Infinity): this {
    const error = Object.assign(new Error("the step was made to time out"), { name: "WorkflowTimeoutError" })
    return this.mockStepError(step, Object.assign(error, { code: "workflow.timeout" }), times)
  }

  /** Who waits for such an event gets this one. */
  mockEvent({ type, payload }: { readonly type: string; readonly payload?: unknown }): this {
    return this.#add({ kind: "event", id: this.#id, type, payload })
  }

  /** The result of a step, when it has one. Rejects when the instance ends without. */
  async waitForStepResult(workflow: DynamicWorkflow, { name, index = 1 }: StepSelector): Promise<unknown> {
    for await (const entry of workflow.subscribe()) {
      if (entry.type === "step" && entry.phase === "ok" && entry.step.name === name && entry.step.count === index) {
        return entry.output
      }
    }
    throw new Error(`the workflow ended without a result of step "${name}"`)
  }

  /** Resolves when it is in this state; rejects when it ends in another one. */
  async waitForStatus(workflow: DynamicWorkflow, wanted: InstanceStatus): Promise<void> {
    const { number } = await this.#engine.get(this.#tenant, workflow.id)
    for await (const _ of this.#engine.news(number)) {
      const { status, error } = await workflow.status()
      if (status === wanted) return
      if (isEnded(status)) throw new Error(`the workflow is ${status}, not ${wanted}: ${error?.message ?? "no error"}`)
    }
  }

  [Symbol.dispose](): void {
    this.#mocks = []
    this.#engine.intercept = this.#before
  }

  #send(tenant: string, id: string, { type, payload }: { type: string; payload: unknown }): void {
    // Who tests it sees that nothing came.
    this.#engine.sendEvent(tenant, id, { type, payload, eventId: `mock ${type}` }).catch(() => {})
  }

  #add(mock: Mock): this {
    this.#mocks.push(mock)
    return this
  }

  #wrap({ instance: { tenant, id } }: Claimed, host: StepHost): StepHost {
    const mocks = this.#mocks.filter((mock) => tenant === this.#tenant && (mock.id === undefined || mock.id === id))
    if (mocks.length === 0) return host
    const has = (kind: Mock["kind"]): boolean => mocks.some((mock) => mock.kind === kind)
    return {
      do: (step) => host.do(mocked(step, mocks, has("delays"))),
      sleep: (name, wake) => host.sleep(name, has("sleeps") ? { ms: 0 } : wake),
      waitForEvent: (step) => {
        for (const mock of mocks) if (mock.kind === "event" && mock.type === step.type) this.#send(tenant, id, mock)
        // Asked for at once: code that waits for something else looks as if it were stuck.
        return host.waitForEvent(step)
      },
      child: (name, start) => host.child(name, start),
    }
  }
}

function mocked(step: DoStep, mocks: readonly Mock[], isWithoutDelay: boolean): DoStep {
  const { retries } = step.config
  const config = isWithoutDelay ? { ...step.config, retries: { ...retries, delayMs: 0, maxDelayMs: 0 } } : step.config
  return {
    ...step,
    config,
    run: async (attempt) => {
      for (const mock of mocks) {
        if (mock.kind !== "result" && mock.kind !== "error") continue
        if (mock.step.name !== attempt.name || (mock.step.index ?? attempt.count) !== attempt.count) continue
        if (mock.kind === "result") return { ok: true, value: mock.value }
        if (mock.times-- > 0) return { ok: false, failure: mock.failure, isRetryable: true }
      }
      return step.run(attempt)
    },
  }
}
