import type { Body, StepDefinition, WorkerProgram, WorkflowDefinition } from "../define/definition.ts"

/**
 * A definition that a guest gave, with the network policy and limits of that guest's own program everywhere: whoever may not reach an origin must not be able
 * to start a child that may.
 */
export function confine(definition: WorkflowDefinition, own: WorkerProgram): WorkflowDefinition {
  // Nobody can name a class of the host's from inside.
  if (definition.kind === "class") return definition
  if (definition.kind === "script") return { ...definition, program: confined(definition.program, own) }
  return { kind: "steps", steps: definition.steps.map((step) => confineStep(step, own)) }
}

function confineStep(step: StepDefinition, own: WorkerProgram): StepDefinition {
  switch (step.kind) {
    case "run": {
      const { rollback } = step
      const body = confineBody(step.body, own)
      return { ...step, body, ...(rollback !== undefined && { rollback: confineBody(rollback, own) }) }
    }
    case "parallel":
      return { ...step, steps: step.steps.map((inner) => confineStep(inner, own)) }
    case "workflow":
      return { ...step, definition: confine(step.definition, own) }
    case "sleep":
    case "sleepUntil":
    case "waitForEvent":
      return step
  }
}

function confineBody(body: Body, own: WorkerProgram): Body {
  return "closure" in body ? body : { program: confined(body.program, own) }
}

function confined(program: WorkerProgram, { network, limits }: WorkerProgram): WorkerProgram {
  const { network: _network, limits: _limits, ...rest } = program
  return { ...rest, ...(network !== undefined && { network }), ...(limits !== undefined && { limits }) }
}
