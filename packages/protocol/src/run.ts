import type { ErrorCode } from "./error-table.ts"
import type { Limits } from "./limits.ts"
import type { MayflyError } from "./mayfly-error.ts"
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

export interface RunOptions {
  /** Cancels the run; it ends as `worker.aborted`. */
  readonly signal?: AbortSignal
  /** Over the worker's own limits, for this run. */
  readonly limits?: Partial<Limits>
  /** `ctx.props` of the guest. */
  readonly props?: unknown
  /**
   * Whether a warm isolate may be used, which an earlier run of this very worker has left, and be left for the next one. Module state is then
   * shared between runs, as at Cloudflare. Default false: a fresh isolate.
   */
  readonly reuse?: boolean
  /**
   * Whether the result may hold functions, streams and generators: the caller gets stubs, and the run stays open while they are held. Objects of
   * classes that extend RpcTarget come as stubs by default, and as their data with false.
   */
  readonly stubs?: boolean
}
