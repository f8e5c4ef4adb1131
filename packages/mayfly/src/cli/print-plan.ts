import type { ProgramPlan } from "@mayfly/platform"
import type { Output } from "./output.ts"
import { printable } from "./printable.ts"

/** A plan for people, one line per kind. */
export function printPlan({ stdout, stderr }: Output, plan: ProgramPlan): void {
  const origins = plan.hasComputedRequests ? [...plan.origins, "and addresses computed at run time"] : plan.origins
  const lines: readonly (readonly [string, readonly string[]])[] = [
    ["shape", [plan.shape]],
    ["origins", origins],
    ["bindings", plan.bindings.map((name) => `env.${name}`)],
    ["builtins", plan.builtins],
    ["modules", plan.modules],
  ]
  for (const [name, values] of lines) {
    stdout.write(`${name.padEnd(10)}${values.length === 0 ? "none" : printable(values.join(", "), false)}\n`)
  }
  const allow = plan.origins.map((origin) => ` --allow ${origin}`).join("")
  if (allow !== "")
    stderr.write(`It was not run. To let it reach what it names: mayfly run FILE${printable(allow, false)}\n`)
}
