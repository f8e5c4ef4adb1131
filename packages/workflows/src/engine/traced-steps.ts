import { type Span, startSpan, tell, withinSpan } from "@mayfly/protocol"
import type { Attempt, AttemptEnd, DoStep, StepHost } from "../core/step-host.ts"

/** Where steps happen. */
export interface StepPlace {
  readonly tenant: string
  /** Of the activation. */
  readonly span: Span | undefined
}

/** A host whose attempts are told of, and are spans of the activation; what they start is part of them. */
export function tracedSteps(host: StepHost, place: StepPlace): StepHost {
  return {
    do: (step) => host.do(tracedStep(step, place)),
    sleep: (name, wake) => host.sleep(name, wake),
    waitForEvent: (step) => host.waitForEvent(step),
    child: (name, start) => host.child(name, start),
  }
}

function tracedStep(step: DoStep, place: StepPlace): DoStep {
  return { ...step, run: (attempt) => tracedAttempt(step, attempt, place) }
}

async function tracedAttempt(step: DoStep, attempt: Attempt, { tenant, span: parent }: StepPlace): Promise<AttemptEnd> {
  const span = parent === undefined ? undefined : startSpan("workflow.step", { parent })
  span?.set({ "mayfly.step": step.name.slice(0, 200), "mayfly.step.attempt": attempt.attempt })
  const startedAt = performance.now()
  const end = await withinSpan(span, () => step.run(new TracedAttempt(attempt, { tenant, span })))
  tell("step", { tenant, isOk: end.ok, durationMs: performance.now() - startedAt })
  span?.end(end.ok ? undefined : "workflow.step-failed")
  return end
}

/** What is made only when it is asked for stays so. */
class TracedAttempt implements Attempt {
  readonly #attempt: Attempt
  readonly #place: StepPlace

  constructor(attempt: Attempt, place: StepPlace) {
    this.#attempt = attempt
    this.#place = place
  }

  get key(): Attempt["key"] {
    return this.#attempt.key
  }

  get name(): string {
    return this.#attempt.name
  }

  get count(): number {
    return this.#attempt.count
  }

  get attempt(): number {
    return this.#attempt.attempt
  }

  get idempotencyKey(): string {
    return this.#attempt.idempotencyKey
  }

  get signal(): AbortSignal {
    return this.#attempt.signal
  }

  get inner(): StepHost {
    return tracedSteps(this.#attempt.inner, this.#place)
  }
}
