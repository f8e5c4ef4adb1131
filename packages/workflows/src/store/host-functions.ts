import { run, type Steps } from "@mayfly/store/steps"
import type { InstanceNumber } from "./workflow-store.ts"

/** What the store keeps of an instance whose steps are functions of the host's. */
export interface HostFunctions {
  /** What can bring them back: encoded by who gave it. */
  readonly origin?: string
}

/** They end with the process: the next one looks here for who needs them. */
export function* needFunctions(number: InstanceNumber, functions: HostFunctions | undefined): Steps<void> {
  if (functions === undefined) return
  yield* run(
    "INSERT INTO workflows_functions (instance, origin) VALUES (?, ?) ON CONFLICT DO NOTHING",
    number,
    functions.origin ?? null,
  )
}

/** The origin goes with the end of the instance: it is of no more use. */
export function* restFunctions(number: InstanceNumber): Steps<void> {
  yield* run("UPDATE workflows_functions SET is_over = 1, origin = NULL WHERE instance = ?", number)
}

export function* wakeFunctions(number: InstanceNumber): Steps<void> {
  yield* run("UPDATE workflows_functions SET is_over = 0 WHERE instance = ?", number)
}

export function* forgetFunctions(number: InstanceNumber): Steps<void> {
  yield* run("DELETE FROM workflows_functions WHERE instance = ?", number)
}
