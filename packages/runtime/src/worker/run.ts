import { type ErrorJson, type RunJson, toTaggedJson, type Run } from "@mayfly/protocol"

/** The object of `mayfly run --json` and `POST /v1/run`. */
export function runToJson(run: Run): RunJson {
  const { id, ok, logs, usage, egress } = run
  const outcome = run.ok
    ? run.result === undefined
      ? {}
      : { result: toTaggedJson(run.result) }
    : { error: run.error.toJSON() as unknown as ErrorJson }
  return { id, ok, ...outcome, logs, ...(run.logsTruncated ? { logsTruncated: true as const } : {}), usage, egress }
}
