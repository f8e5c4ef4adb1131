import { type Span, withinSpan } from "@mayfly/protocol"
import type { Program } from "../core/ports.ts"
import type { Settled, StepHost } from "../core/step-host.ts"
import { decode, encodeFailure, encodeResult, failureOf } from "../define/codec.ts"
import type { StepDefinition, WorkflowDefinition } from "../define/definition.ts"
import type { Closures } from "../define/parse-steps.ts"
import type { WorkflowClasses } from "../define/workflow-classes.ts"
import { ScriptSteps } from "../run/script-steps.ts"
import type { StepSandbox } from "../run/step-context.ts"
import type { CodeEnd, ScriptEvent, ScriptRun, StepRunner } from "../run/step-runner.ts"
import { stepsProgram } from "../run/steps-program.ts"
import type { Claimed } from "../store/workflow-store.ts"
import { nextTurn, type Running } from "./run-activation.ts"
import { tracedSteps } from "./traced-steps.ts"

/** What a guest waits for is known as well as it can be, not for certain. */
const scriptPatienceMs = 500

export interface RunningWorld {
  readonly runner: StepRunner
  readonly closures: Closures
  readonly classes: WorkflowClasses
  startChild(claimed: Claimed, name: string, definition: WorkflowDefinition, params: unknown): unknown
  sandbox(tenant: string, id: string, options?: object): Promise<StepSandbox>
  /** Of the activation. */
  readonly span?: Span | undefined
  /** For tests: may replace what steps do. */
  intercept(claimed: Claimed, host: StepHost): StepHost
}

/** The user code of an instance, ready to be run or replayed. */
export function runningOf(claimed: Claimed, definition: WorkflowDefinition, world: RunningWorld): Running {
  const running = ofKind(claimed, definition, world)
  const { tenant } = claimed.instance
  const steps = (host: StepHost): StepHost => tracedSteps(world.intercept(claimed, host), { tenant, span: world.span })
  return { ...running, program: (host) => withinSpan(world.span, () => running.program(steps(host))) }
}

function ofKind(claimed: Claimed, definition: WorkflowDefinition, world: RunningWorld): Running {
  switch (definition.kind) {
    case "steps":
      return ofSteps(claimed, definition, world)
    case "script":
      return ofScript(claimed, definition, world)
    case "class":
      return ofClass(claimed, definition, world)
  }
}

function ofSteps(
  claimed: Claimed,
  { steps }: Extract<WorkflowDefinition, { kind: "steps" }>,
  world: RunningWorld,
): Running {
  const { tenant, id, params } = claimed.instance
  const startChild = (name: string, step: Extract<StepDefinition, { kind: "workflow" }>, childParams: unknown) =>
    world.startChild(claimed, name, step.definition, childParams)
  const program = stepsProgram(steps, {
    instanceId: id,
    tenant,
    params: decode(params),
    runner: world.runner,
    closure: (key) => world.closures.get(key),
    startChild,
    sandbox: (sandboxId, options) => world.sandbox(tenant, sandboxId, options),
  })
  return { program, turn: nextTurn, tracksNesting: false, patienceMs: 0, dispose() {} }
}

function ofScript(
  claimed: Claimed,
  { program, entry, reuse = false }: Extract<WorkflowDefinition, { kind: "script" }>,
  world: RunningWorld,
): Running {
  let script: ScriptRun | undefined
  const run: Program = async (host) => {
    const steps = new ScriptSteps(host, program, {
      startChild: (name, definition, params) => world.startChild(claimed, name, definition, params),
      trace: () => script?.trace() ?? {},
    })
    const call = { event: eventOf(claimed), steps, reuse, ...(entry !== undefined && { entry }) }
    script = world.runner.runScript(program, call, { tenant: claimed.instance.tenant })
    return settledOf(await script.ended)
  }
  return {
    program: run,
    turn: () => script?.turn() ?? nextTurn(),
    tracksNesting: true,
    patienceMs: scriptPatienceMs,
    dispose: () => script?.dispose(),
  }
}

/** Code of the host's may await what it likes outside of steps: nobody sees that. It is at rest when it has been silent for so long … */
const classQuietMs = 1_000
/** … and stuck or astray after this, the time that a step has by default. */
const classPatienceMs = 600_000

function ofClass(
  claimed: Claimed,
  { name }: Extract<WorkflowDefinition, { kind: "class" }>,
  { classes, startChild }: RunningWorld,
): Running {
  let heardAt = performance.now()
  const hear = (): void => void (heardAt = performance.now())
  const run: Program = async (host) => {
    const steps = new ScriptSteps(heard(host, hear), undefined, {
      startChild: (child, definition, params) => startChild(claimed, child, definition, params),
      trace: () => ({}),
    })
    const event = { ...eventOf(claimed), workflowName: name }
    const ran = classes.run(name, event, steps, claimed.instance.tenant)
    return settledOf(
      await ran.then(
        (result): CodeEnd => ({ ok: true, result }),
        (error: unknown): CodeEnd => ({ ok: false, error }),
      ),
    )
  }
  return {
    program: run,
    turn: async () => (await nextTurn()) && performance.now() - heardAt >= classQuietMs,
    tracksNesting: true,
    patienceMs: classPatienceMs,
    dispose() {},
  }
}

/** The same host, which tells when it is asked and when it answers. */
function heard(host: StepHost, hear: () => void): StepHost {
  const told = async (asked: Promise<Settled>): Promise<Settled> => {
    hear()
    const settled = await asked
    hear()
    return settled
  }
  return {
    do: (step) => told(host.do(step)),
    sleep: (name, wake) => told(host.sleep(name, wake)),
    waitForEvent: (step) => told(host.waitForEvent(step)),
    child: (name, start) => told(host.child(name, start)),
  }
}

function eventOf({ instance }: Claimed): ScriptEvent {
  const { params, createdAt, id, trigger } = instance
  return {
    payload: decode(params),
    timestamp: new Date(createdAt),
    instanceId: id,
    workflowName: "dynamic",
    ...(trigger !== null && { schedule: JSON.parse(trigger) as NonNullable<ScriptEvent["schedule"]> }),
  }
}

function settledOf(end: CodeEnd): Settled {
  try {
    if (end.ok) return { ok: true, value: encodeResult(end.result, "result") }
    return { ok: false, failure: encodeFailure(failureOf(end.error)) }
  } catch (error) {
    return { ok: false, failure: encodeFailure(failureOf(error)) }
  }
}
