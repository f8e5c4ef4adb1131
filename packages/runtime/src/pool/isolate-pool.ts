import type { Limits } from "@mayfly/protocol"
import type { Gives } from "../guest/job.ts"

/** A compiled program. `text` is opaque to the supervisor; `hash` names it in hosts. */
export interface Program {
  readonly hash: string
  readonly text: string
}

/** One run as the pool sees it: texts in, texts out. */
export interface PoolRequest {
  readonly id: string
  readonly tenant: string
  readonly program: Program
  /**
   * "prewarm" evaluates the program's modules and calls nothing. "object" makes an instance of the class `entry`, says by `onResponse` which export
   * calls it, and lasts until it is aborted; it does not keep the process alive.
   */
  readonly call: "run" | "fetch" | "prewarm" | "object"
  /** Use a guest that an earlier run with this key left warm, and leave it warm again. Only for one worker of one tenant. */
  readonly keep?: string
  /** The export and method that are called, for the worker loader. */
  readonly entry?: string
  readonly method?: string
  readonly limits: Limits
  /** What the result may be made of. */
  readonly gives: Gives
  /** Encoded values. */
  readonly input: string
  readonly env: string
  readonly props: string
}

/** What a run needs while it lasts. Texts come from a guest. */
export interface PoolHandler {
  /** The run has an isolate; `queueMs` after it was asked for. May be called again when the run was moved before it had any effect. */
  onStart(queueMs: number, port: RunPort): void
  /** The guest's answer to call `id` of the port: `+` and a result, or `-` and a failure. */
  onReply(id: number, text: string, buffers: readonly ArrayBuffer[]): void
  /**
   * What the guest gives before its run ends. Of a fetch handler: the response's head, with the guest's export `source` as its body. Of others: the
   * encoded result, which holds stubs, when `source` is 0, else an export that gives values. The run lasts while it is used.
   */
  onEarly(source: number, text: string, usage: PoolUsage): void
  /** What the run used, when that comes after its end: it was taken away. */
  onLateUsage?(usage: PoolUsage): void
  /** The guest has let go of an export that it had received `count` times. */
  onRelease(target: number, count: number): void
  onLogs(lines: readonly string[]): void
  onLogsCut(): void
  /** A request or binding call, with the bytes that travel beside it. Never rejects: a failure is an answer too. */
  onCall(
    operation: "fetch" | "call",
    payload: string,
    signal: AbortSignal,
    buffers: readonly ArrayBuffer[],
  ): Promise<CallAnswer>
  /** An object's storage operation, or the end of a turn that wrote. Never rejects, and stays pending when the run is over. Only objects have it. */
  onStore?(kind: "call" | "commit", payload: string): Promise<StoreReply>
  /** Whether anything that the run did was seen by somebody, so that it can't silently be run again. */
  readonly hasEffects: boolean
}

/** The way to a run's guest while it lasts; afterwards nothing happens. */
export interface RunPort {
  /** Calls a function that the guest gave. `call` is its number, a newline, and a method name or nothing. */
  invoke(id: number, call: string, args: string, buffers: readonly ArrayBuffer[]): void
  /** The same for a call to an object: its limits are fresh. */
  renew(id: number, call: string, args: string, buffers: readonly ArrayBuffer[]): void
  release(target: number, count: number): void
  /** Whether the run keeps the event loop alive. It does at first. */
  hold(isHeld: boolean): void
}

/** What storage says: `+` and an encoded value, or `-` and a failure. */
export interface StoreReply {
  readonly text: string
  /** Whether something is written that is not committed. */
  readonly isDirty: boolean
  /** CPU that the operation took. */
  readonly cpuMs: number
}

/** An encoded value, or what the guest may know of a failure: no stack, no cause. */
export type CallAnswer =
  | { readonly ok: true; readonly text: string; readonly buffers?: readonly ArrayBuffer[] }
  | {
      readonly ok: false
      readonly name: string
      readonly message: string
      readonly code?: string
      /** The run is over as well, for this many requests. */
      readonly endsAtRequests?: number
      /** The same, for this many binding calls. */
      readonly endsAtCalls?: number
    }

export interface PoolUsage {
  readonly cpuMs: number
  readonly wallMs: number
  readonly peakMemoryBytes: number
}

export type LimitKind = "cpu" | "memory" | "wall" | "log" | "output" | "requests" | "calls"

/** How a run ended. Never a rejection: what a guest did wrong is a result. */
export type PoolOutcome = PoolUsage &
  (
    | { readonly kind: "result"; readonly text: string }
    | { readonly kind: "failure"; readonly text: string }
    | { readonly kind: "limit"; readonly limit: LimitKind; readonly used: number }
    | { readonly kind: "unsettled" }
    | { readonly kind: "crashed"; readonly reason: string; readonly isSuspect: boolean }
    | { readonly kind: "aborted" }
  )

/** How much there is of everything now. */
export interface PoolStats {
  /** Host processes that take runs, the spare one not counted. */
  readonly hosts: number
  /** Whether one stands ready to replace a dead one. */
  readonly hasSpare: boolean
  /** Isolates that hold a run. */
  readonly running: number
  /** Runs that wait for an isolate. */
  readonly waiting: number
}

/** Gives each run an isolate of its own, once, and takes it away. Implemented by host processes. */
export interface IsolatePool {
  /** Rejects with `worker.queue-full` or `platform.*` only. Aborting answers at once; the isolate goes in the background. */
  run(request: PoolRequest, handler: PoolHandler, signal?: AbortSignal): Promise<PoolOutcome>
  /** Keeps the caller's process alive until the function is called that it gives: an object is being called. */
  hold(): () => void
  stats(): PoolStats
  /** Kills all processes; runs under way end as aborted. Disposing twice is safe. */
  dispose(): Promise<void>
}
