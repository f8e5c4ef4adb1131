import { fromTaggedJson, type RunJson } from "@mayfly/protocol"
import type { Outcome } from "./corpus-case.ts"

/** The outcome of a run in its JSON form: `run --json` and `POST /v1/run`. */
export function outcomeOfJson(json: unknown): Outcome {
  const { ok, result, error } = json as Pick<RunJson, "ok" | "result" | "error">
  if (ok) return { ok, result: fromTaggedJson(result) }
  if (error === undefined) throw new Error(`neither ok nor an error: ${JSON.stringify(json)}`)
  const { name } = error.details as { name?: string }
  return { ok: false, name: name ?? error.code, message: error.message }
}
