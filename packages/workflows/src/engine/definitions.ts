import { MayflyError } from "@mayfly/protocol"
import { decode, hashOf } from "../define/codec.ts"
import type { StepDefinition, WorkerProgram, WorkflowDefinition } from "../define/definition.ts"
import type { StepRunner } from "../run/step-runner.ts"
import type { WorkflowStore } from "../store/workflow-store.ts"

const maxChecked = 1_000
const maxKept = 1_000

/** What instances are made of: read once, compiled once, as long as there is room. */
export class Definitions {
  readonly #store: Pick<WorkflowStore, "getDefinition">
  readonly #runner: StepRunner
  readonly #kept = new Map<string, WorkflowDefinition>()
  readonly #checked = new Set<string>()

  constructor(store: Pick<WorkflowStore, "getDefinition">, runner: StepRunner) {
    this.#store = store
    this.#runner = runner
  }

  /** Compiles what can be compiled, once per definition. Rejects with what is wrong with it. */
  async check(definition: WorkflowDefinition, hash: string, tenant: string): Promise<void> {
    if (this.#checked.has(`${tenant} ${hash}`)) return
    for (const { program, kind } of programsOf(definition)) await this.#runner.check(program, kind, tenant)
    this.#checked.add(`${tenant} ${hash}`)
    const oldest = this.#checked.values().next().value
    if (this.#checked.size > maxChecked && oldest !== undefined) this.#checked.delete(oldest)
  }

  async get(hash: string): Promise<WorkflowDefinition> {
    const known = this.#kept.get(hash)
    if (known !== undefined) return known
    const body = await this.body(hash)
    if (hashOf(body) !== hash) throw new MayflyError("store.corrupt", "the definition of a workflow is damaged")
    const definition = decode(body) as WorkflowDefinition
    this.#kept.set(hash, definition)
    const oldest = this.#kept.keys().next().value
    if (this.#kept.size > maxKept && oldest !== undefined) this.#kept.delete(oldest)
    return definition
  }

  /** Encoded. */
  async body(hash: string): Promise<string> {
    const body = await this.#store.getDefinition(hash)
    if (body !== null) return body
    throw new MayflyError("workflow.not-found", "the definition of the instance is not there any more")
  }
}

/** Steps whose results are not for the history. */
export function sensitiveNames(definition: WorkflowDefinition): ReadonlySet<string> {
  return new Set(definition.kind === "steps" ? sensitiveOf(definition.steps) : [])
}

function sensitiveOf(steps: readonly StepDefinition[]): string[] {
  return steps.flatMap((step) => {
    if (step.kind === "parallel") return sensitiveOf(step.steps)
    return step.kind === "run" && step.isSensitive ? [step.name] : []
  })
}

interface Code {
  readonly program: WorkerProgram
  readonly kind: "step" | "script"
}

function programsOf(definition: WorkflowDefinition): Code[] {
  if (definition.kind === "script") return [{ program: definition.program, kind: "script" }]
  return definition.steps.flatMap((step): Code[] => {
    if (step.kind === "parallel") return programsOf({ kind: "steps", steps: step.steps })
    if (step.kind === "workflow") return programsOf(step.definition)
    if (step.kind !== "run") return []
    const bodies = step.rollback === undefined ? [step.body] : [step.body, step.rollback]
    return bodies.flatMap((body): Code[] => ("closure" in body ? [] : [{ program: body.program, kind: "step" }]))
  })
}
