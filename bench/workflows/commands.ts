import type { Resumed } from "./contender.ts"

/** What the bench asks of a driver process, one at a time. */
export type Command =
  | { readonly kind: "run"; readonly prefix: string; readonly count: number; readonly steps: number }
  | { readonly kind: "sleep"; readonly prefix: string; readonly count: number; readonly at: number }
  | { readonly kind: "begin"; readonly count: number }
  | { readonly kind: "resume"; readonly count: number }
  | { readonly kind: "stop" }

export type Result = { readonly ms: number; readonly late?: readonly number[]; readonly resumed?: Resumed }

export type Reply = { readonly ok: true; readonly result: Result } | { readonly ok: false; readonly problem: string }
