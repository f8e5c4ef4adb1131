import type { Limits, MayflyError, Run } from "@mayfly/protocol"

/** One run, or one stay of an object in memory, that asks to begin. */
export interface AskedRun {
  readonly id: string
  readonly tenant: string
  /** Content hash of its program. */
  readonly hash: string
  /** What its author calls the worker, where he does. */
  readonly name: string | undefined
  readonly call: "run" | "fetch" | "prewarm" | "object"
  readonly limits: Limits
  /** Whether it is a workflow's script, which lasts as long as its steps: its wall limit is ours. */
  readonly isScript: boolean
  /** Whether it has its isolate. */
  readonly isStarted: boolean
  /** Fires when the caller wants it no more. */
  readonly signal: AbortSignal | undefined
  /** Ends it with this error, whether it waits or runs. Calling later does nothing. */
  cancel(reason: MayflyError): void
}

/** What a run left behind, besides what its caller gets. */
export interface RunTraces {
  /** The encoded result, where there is one and it is no live value. */
  readonly resultText?: string
  /** CPU that must be counted although nobody measured it: the process died under the run. */
  readonly unmeasuredCpuMs?: number
}

/** Told of one run that was let in. */
export interface RunPass {
  /** What this run may use, where that is less than it asked for. */
  readonly limits: Limits | null
  /** An object has answered a call: what that call did, without its CPU, which is known at the object's end. Must not throw. */
  called(run: Run): void
  /** The run is over. Called once, unless `left` was. Must not throw. */
  ended(run: Run, traces: RunTraces): void
  /** It never began. */
  left(): void
  /** What it was found to have used after its caller had the answer: a run that was taken away. */
  late(usage: { readonly cpuMs: number; readonly peakMemoryBytes: number }): void
}

/** Decides which runs may begin, and is told how they end. One for a runtime; every way to run a program passes it. */
export interface RunGate {
  /** Throws, or rejects, with a coded error when the run may not begin. A promise while it must wait for its turn. */
  enter(asked: AskedRun): RunPass | Promise<RunPass>
}
