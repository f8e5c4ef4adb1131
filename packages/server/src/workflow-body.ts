import type { WorkflowOptions } from "@mayfly/platform"
import { asRecord, invalid } from "./parse-fields.ts"
import { parseJsonModules } from "./parse-json-modules.ts"
import { taggedValue } from "./tagged-value.ts"

/** What `create` takes, from JSON. The library checks the rest. Throws `input.invalid`. */
export function parseWorkflowBody(value: Readonly<Record<string, unknown>>): {
  readonly tenant: unknown
  readonly options: WorkflowOptions
} {
  const { modules, ...given } = value
  const { tenant, ...options } = asRecord(taggedValue(given, "the request body"), "the request body")
  refuseFunctions(options["steps"], "steps", 0)
  return { tenant, options: { ...options, ...(modules !== undefined && { modules: parseJsonModules(modules) }) } }
}

/** More is refused by the library. */
const maxDepth = 10

/** Functions of the host are no data: said here, where the reader can't send one. */
function refuseFunctions(steps: unknown, path: string, depth: number): void {
  if (!Array.isArray(steps) || depth > maxDepth) return
  for (const [index, step] of (steps as unknown[]).entries()) {
    if (typeof step !== "object" || step === null) continue
    const { run, parallel, workflow } = step as { run?: unknown; parallel?: unknown; workflow?: { steps?: unknown } }
    const at = `${path}[${index}]`
    if (run !== undefined) {
      const way = 'give the program as a text in "code" instead; functions are for a served worker and the library'
      throw invalid(`${at}.run`, `is a function of the host, which can't be sent: ${way}`)
    }
    refuseFunctions(parallel, `${at}.parallel`, depth + 1)
    refuseFunctions(workflow?.steps, `${at}.workflow.steps`, depth + 1)
  }
}
