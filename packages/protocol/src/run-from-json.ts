import { errorFromJson } from "./error-from-json.ts"
import { MayflyError } from "./mayfly-error.ts"
import type { Run, RunJson } from "./run.ts"
import { fromTaggedJson } from "./tagged-json.ts"

/** A run that came as JSON, its values made values again. Throws `client.not-mayfly` for what is none: whoever answers may be anybody. */
export function runFromJson(json: unknown): Run {
  const { ok, result, error, ...run } = (json ?? {}) as Partial<RunJson>
  if (typeof run.id !== "string" || typeof ok !== "boolean") throw notARun()
  const facts = run as Pick<Run, "id" | "logs" | "usage" | "egress">
  if (ok) return { ...facts, ok, result: valueFromJson(result) }
  const known = errorFromJson(error)
  if (known === undefined) throw notARun()
  return { ...facts, ok, error: known }
}

/** Throws `client.not-mayfly` for JSON that is nested deeper than any stack. */
export function valueFromJson(value: unknown): unknown {
  try {
    return fromTaggedJson(value)
  } catch (cause) {
    throw new MayflyError("client.not-mayfly", "a value of the answer can't be read", { cause })
  }
}

function notARun(): MayflyError {
  return new MayflyError("client.not-mayfly", "the answer is no run of Mayfly's")
}
