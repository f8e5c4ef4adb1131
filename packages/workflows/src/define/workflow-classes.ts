import type { ScriptSteps } from "../run/script-steps.ts"
import type { ScriptEvent } from "../run/step-runner.ts"
import { invalid, nameOf } from "./check.ts"

/** Workflow classes of the host's own, trusted code: they run in its process. */
export interface WorkflowClasses {
  readonly names: readonly string[]
  /** Runs one from its beginning; what it asks of `steps` is replayed. It may be left waiting for ever: its instance has left memory then. */
  run(name: string, event: ScriptEvent, steps: ScriptSteps, tenant: string): Promise<unknown>
}

/** The class that `entry` means: the only one, when it names none. Throws `input.invalid`. */
export function classNamed(entry: unknown, { names }: WorkflowClasses): string {
  const [only] = names
  if (entry === undefined && only !== undefined && names.length === 1) return only
  const all = `; there ${names.length === 1 ? "is" : "are"} ${names.join(", ") || "none"}`
  if (entry === undefined) throw invalid("entry", `must name one of the workflow classes that the worker exports${all}`)
  if (typeof entry === "string" && names.includes(entry)) return entry
  throw invalid("entry", `must name a workflow class that the worker exports, which ${nameOf(entry)} is not${all}`)
}
