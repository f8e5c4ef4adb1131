import type { Program } from "../core/ports.ts"
import type { Attempt, AttemptEnd, Compensation, DoConfig, StepHost } from "../core/step-host.ts"
import { encodeFailure, encodeResult, failureOf, decode, errorOf, readFailure } from "../define/codec.ts"
import type { Body, StepDefinition } from "../define/definition.ts"
import type { Closure } from "../define/parse-steps.ts"
import { type AttemptDetail, endOf, endOfCode } from "./attempt-end.ts"
import { isMet, resolveReferences } from "./references.ts"
import { valueOf } from "./settled.ts"
import { type ContextParts, type StepContext, stepContext, type StepSandbox } from "./step-context.ts"
import type { RunPlace, RunTrace, StepRunner } from "./step-runner.ts"

/** What a list of steps needs besides its host. */
export interface StepsWorld {
  readonly instanceId: string
  readonly tenant: string
  readonly params: unknown
  readonly runner: StepRunner
  closure(key: string): Closure | undefined
  /** What the core hands to the store when a child starts. */
  startChild(name: string, step: Extract<StepDefinition, { kind: "workflow" }>, params: unknown): unknown
  sandbox(id: string, options?: object): Promise<StepSandbox>
}

/** Runs steps in order. All that it decides it decides by their results, so that a replay takes the same way. */
export function stepsProgram(steps: readonly StepDefinition[], world: StepsWorld): Program {
  return async (host) => {
    try {
      const value = await new StepsRun(host, world).all(steps)
      return { ok: true, value: encodeResult(value, "result") }
    } catch (error) {
      return { ok: false, failure: encodeFailure(failureOf(error)) }
    }
  }
}

class StepsRun {
  readonly #host: StepHost
  readonly #world: StepsWorld
  readonly #results = new Map<string, unknown>()
  readonly #instance: ContextParts["instance"]
  #previous: unknown

  constructor(host: StepHost, world: StepsWorld) {
    this.#host = host
    this.#world = world
    const { instanceId, params, runner, tenant } = world
    this.#instance = {
      instanceId,
      params,
      createWorker: (options, signal, onRun) => runner.createWorker(options, { tenant, signal }, onRun),
      sandbox: (id, options) => world.sandbox(id, options),
    }
  }

  async all(steps: readonly StepDefinition[]): Promise<unknown> {
    const last = steps.at(-1)
    for (const step of steps) {
      if (step.when !== undefined && !isMet(step.when, this.#results)) continue
      this.#previous = await this.#step(step, this.#previous, step === last)
    }
    return this.#previous
  }

  async #step(step: StepDefinition, previous: unknown, isLast: boolean): Promise<unknown> {
    const value = await this.#value(step, previous, isLast)
    this.#results.set(step.name, value)
    return value
  }

  #value(step: StepDefinition, previous: unknown, isLast: boolean): Promise<unknown> {
    switch (step.kind) {
      case "run":
        return this.#run(step, previous, isLast)
      case "sleep":
        return valueOf(this.#host.sleep(step.name, { ms: step.ms }))
      case "sleepUntil":
        return valueOf(this.#host.sleep(step.name, { until: step.at }))
      case "waitForEvent":
        return valueOf(this.#host.waitForEvent(step))
      case "workflow": {
        const params = resolveReferences(step.input, this.#results)
        return valueOf(this.#host.child(step.name, this.#world.startChild(step.name, step, params)))
      }
      case "parallel":
        return this.#parallel(step.steps, previous)
    }
  }

  /** Results in the order of the list; the first failure, in the order of the journal, is the group's. */
  async #parallel(steps: readonly StepDefinition[], previous: unknown): Promise<unknown[]> {
    const wanted = steps.map((step) => step.when === undefined || isMet(step.when, this.#results))
    return Promise.all(
      steps.map((step, index) =>
        wanted[index] === true ? this.#step(step, previous, false) : Promise.resolve(undefined),
      ),
    )
  }

  #run(step: Extract<StepDefinition, { kind: "run" }>, previous: unknown, isLast: boolean): Promise<unknown> {
    const config: DoConfig = step
    const input = resolveReferences(step.input, this.#results)
    const call = { input, previous, results: this.#results }
    return valueOf(
      this.#host.do({
        name: step.name,
        config,
        isLast,
        run: (attempt) => this.#attempt(step.body, step.name, attempt, call),
        ...(step.rollback !== undefined && {
          compensation: this.#compensation(step.rollback, step.name, { ...call, config }),
        }),
      }),
    )
  }

  #compensation(body: Body, name: string, call: Call & { readonly config: DoConfig }): Compensation {
    return {
      config: { ...call.config, atMostOnce: false },
      run: (attempt, { failure, output }) => {
        const about = {
          error: errorOf(readFailure(failure)),
          output: output === undefined ? undefined : decode(output),
          stepName: name,
        }
        return this.#attempt(body, `rollback:${name}`, attempt, { ...call, input: about })
      },
    }
  }

  async #attempt(body: Body, key: string, attempt: Attempt, call: Call): Promise<AttemptEnd> {
    if (!("closure" in body)) {
      const place: RunPlace = { tenant: this.#world.tenant, signal: attempt.signal }
      const end = await this.#world.runner.runCode(body.program, call.input, place)
      return endOfCode(end, { input: call.input })
    }
    const detail: AttemptDetail & { runs: RunTrace[] } = { input: call.input, runs: [] }
    const closure = this.#world.closure(key) as ((context: StepContext) => unknown) | undefined
    if (closure === undefined) throw new Error(`the code of step "${key}" is missing`)
    return endOf(detail, () => closure(stepContext({ attempt, call, detail, instance: this.#instance })))
  }
}

interface Call {
  readonly input: unknown
  readonly previous: unknown
  readonly results: ReadonlyMap<string, unknown>
}
