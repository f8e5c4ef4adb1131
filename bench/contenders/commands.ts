/** What the bench asks of a driver process, one at a time. */
export type Command =
  | { readonly kind: "use"; readonly script: string }
  /** Runs one after the other. */
  | { readonly kind: "sequence"; readonly runs: number }
  /** A closed loop: each client starts its next run when it has its answer. */
  | { readonly kind: "clients"; readonly clients: number; readonly forMs: number }
  | { readonly kind: "hold"; readonly count: number }
  | { readonly kind: "stop" }

export interface LoopResult {
  readonly runs: number
  readonly ms: number
  /** Milliseconds of each run, or only their mean. */
  readonly latencies: readonly number[]
}

export type Reply =
  | { readonly ok: true; readonly result: LoopResult | undefined }
  | { readonly ok: false; readonly problem: string }
