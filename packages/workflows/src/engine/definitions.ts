import { MayflyError } from "@mayfly/protocol"
import { decode, hashOf } from "../define/codec.ts"
import type { StepDefinition, WorkerProgram, WorkflowDefinition } from "../define/definition.ts"
import type { StepRunner } from "../run/step-runner.ts"
import type { Definition, WorkflowStore } from "../store/workflow-store.ts"

const maxKept = 1_000

/**
 * What instances are made of: read once, compiled once, as long as there is room. Also for those that ask at the same time: who wakes a thousand instances
 * of one script must not compile it a thousand times, nor give each of them an isolate to share with nobody.
 */
export class Definitions {
  readonly #store: Pick<WorkflowStore, "getDefinition">
  readonly #runner: StepRunner
  readonly #kept = new Map<string, Promise<WorkflowDefinition>>()
  readonly #checked = new Map<string, Promise<void>>()

  constructor(store: Pick<WorkflowStore, "getDefinition">, runner: StepRunner) {
    this.#store = store
    this.#runner = runner
  }

  /** Compiles what can be compiled, once per definition. Rejects with what is wrong with it. */
  check({ hash, body }: Definition, tenant: string): Promise<void> {
    return once(this.#checked, `${tenant} ${hash}`, async () => {
      const definition = await once(this.#kept, hash, async () => decode(body) as WorkflowDefinition)
      for (const { program, kind } of programsOf(definition)) await this.#runner.check(program, kind, tenant)
    })
  }

  get(hash: string): Promise<WorkflowDefinition> {
    return once(this.#kept, hash, async () => {
      const body = await this.body(hash)
      if (hashOf(body) !== hash) throw new MayflyError("store.corrupt", "the definition of a workflow is damaged")
      return decode(body) as WorkflowDefinition
    })
  }

  /** Encoded. */
  async body(hash: string): Promise<string> {
    const body = await this.#store.getDefinition(hash)
    if (body !== null) return body
    throw new MayflyError("workflow.not-found", "the definition of the instance is not there any more")
  }
}

/** One promise for all that ask. What failed is tried again by the next who asks; the oldest makes room. */
function once<Value>(all: Map<string, Promise<Value>>, key: string, make: () => Promise<Value>): Promise<Value> {
  const known = all.get(key)
  if (known !== undefined) return known
  const making = make()
  all.set(key, making)
  making.catch(() => all.delete(key))
  const oldest = all.keys().next().value
  if (all.size > maxKept && oldest !== undefined) all.delete(oldest)
  return making
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
  if (definition.kind === "class") return []
  if (definition.kind === "script") return [{ program: definition.program, kind: "script" }]
  return definition.steps.flatMap((step): Code[] => {
    if (step.kind === "parallel") return programsOf({ kind: "steps", steps: step.steps })
    if (step.kind === "workflow") return programsOf(step.definition)
    if (step.kind !== "run") return []
    const bodies = step.rollback === undefined ? [step.body] : [step.body, step.rollback]
    return bodies.flatMap((body): Code[] => ("closure" in body ? [] : [{ program: body.program, kind: "step" }]))
  })
}
