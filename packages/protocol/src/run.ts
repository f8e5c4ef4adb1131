import type { ErrorCode } from "./error-table.ts"
import type { LedgerRow } from "./network.ts"

export type LogLevel = "debug" | "log" | "info" | "warn" | "error"

/** One console line of a guest. */
export interface LogLine {
  readonly level: LogLevel
  readonly message: string
  /** Epoch milliseconds. */
  readonly time: number
}

/** What a run used. Present on every run, also on failed ones. */
export interface Usage {
  /** CPU time of the run's own turns. */
  readonly cpuMs: number
  /** From getting an isolate to the result. */
  readonly wallMs: number
  /** From the call to getting an isolate. */
  readonly queueMs: number
  readonly peakMemoryBytes: number
  /** Bytes of input, of calls and messages that it gets, and of answers to its requests and binding calls. */
  readonly bytesIn: number
  /** Bytes of the result and of what it streams and sends, and of its requests and binding calls. */
  readonly bytesOut: number
  readonly subRequests: number
  readonly bindingCalls: number
  readonly logBytes: number
}

/** The JSON form of an error, as on every JSON surface. */
export interface ErrorJson {
  readonly code: ErrorCode
  readonly message: string
  readonly retry: boolean
  readonly fix: string
  readonly details: Readonly<Record<string, unknown>>
}

/** The JSON form of a finished run: `mayfly run --json` and `POST /v1/run`. Values are in tagged JSON. */
export interface RunJson {
  readonly id: string
  readonly ok: boolean
  /** Missing when the result is undefined or the run failed. */
  readonly result?: unknown
  readonly error?: ErrorJson
  readonly logs: readonly LogLine[]
  readonly logsTruncated?: true
  readonly usage: Usage
  readonly egress: readonly LedgerRow[]
}
