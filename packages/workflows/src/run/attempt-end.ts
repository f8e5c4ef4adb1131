import type { Failure } from "@mayfly/protocol"
import { encodeValue } from "@mayfly/protocol/clone"
import type { AttemptEnd } from "../core/step-host.ts"
import { encodeFailure, encodeResult, failureOf } from "../define/codec.ts"
import type { CodeEnd, RunTrace } from "./step-runner.ts"

/** Errors that come again however often the step is tried. */
const hopeless: ReadonlySet<string> = new Set([
  "input.invalid",
  "worker.syntax",
  "worker.module-not-found",
  "worker.code-too-large",
  "worker.no-entrypoint",
  "worker.not-serializable",
  "workflow.not-serializable",
  "workflow.result-too-large",
])

export interface AttemptDetail {
  input?: unknown
  runs?: readonly RunTrace[]
}

/** The end of an attempt of host code. Never rejects. */
export async function endOf(detail: AttemptDetail, body: () => unknown): Promise<AttemptEnd> {
  try {
    const value = await body()
    return { ok: true, value: encodeResult(value, "result"), ...detailOf(detail) }
  } catch (error) {
    return failed(error, detail)
  }
}

/** The end of an attempt of guest code. */
export function endOfCode(end: CodeEnd, detail: AttemptDetail): AttemptEnd {
  const { logs, usage, egress } = end
  const traced = { ...detail, runs: [{ logs, usage, egress }] }
  if (!end.ok) return failed(end.error, traced)
  try {
    return { ok: true, value: encodeResult(end.result, "result"), ...detailOf(traced) }
  } catch (error) {
    return failed(error, traced)
  }
}

export function failed(error: unknown, detail: AttemptDetail): AttemptEnd {
  const failure = failureOf(error)
  return { ok: false, failure: encodeFailure(failure), isRetryable: isRetryable(failure), ...detailOf(detail) }
}

function isRetryable({ name, code }: Failure): boolean {
  return name !== "NonRetryableError" && (code === undefined || !hopeless.has(code))
}

const maxDetail = 1 << 20

function detailOf(detail: AttemptDetail): { detail?: string } {
  const { input, runs = [] } = detail
  if (input === undefined && runs.length === 0) return {}
  try {
    const kept = { ...(input !== undefined && { input }), ...(runs.length > 0 && { runs }) }
    return { detail: encodeValue(kept, { stacks: false, maxLength: maxDetail }) }
  } catch {
    // What is too large or strange for the history is left out of it; the step's result is what counts.
    return {}
  }
}
