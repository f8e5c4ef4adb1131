import {
  type ErrorJson,
  type LedgerRow,
  type LogLine,
  type MayflyError,
  type RunJson,
  toTaggedJson,
  type Usage,
} from "@mayfly/protocol"

/** One finished run. `result` stands in it only when `ok`, `error` only when not. */
export type Run = {
  readonly id: string
  readonly logs: readonly LogLine[]
  /** Present when `logBytes` was reached. */
  readonly logsTruncated?: true
  readonly usage: Usage
  readonly egress: readonly LedgerRow[]
} & ({ readonly ok: true; readonly result: unknown } | { readonly ok: false; readonly error: MayflyError })

/** What `stream` yields, in the order in which it happened; the last one is `result` or `error`. */
export type RunEvent =
  | ({ readonly type: "log" } & LogLine)
  | { readonly type: "egress"; readonly row: LedgerRow }
  /** A value that the program yields; it goes on when the next event is asked for. */
  | { readonly type: "value"; readonly value: unknown }
  | { readonly type: "result"; readonly result: unknown; readonly run: Run }
  | { readonly type: "error"; readonly error: MayflyError; readonly run: Run }

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
