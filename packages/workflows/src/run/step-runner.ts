import type { WorkerProgram } from "../define/definition.ts"
import type { ScriptSteps } from "./script-steps.ts"
import type { StepWorker } from "./step-context.ts"

/** Whose code it is and how it is told to stop. */
export interface RunPlace {
  readonly tenant: string
  readonly signal: AbortSignal
}

/** What running code left besides its result: for the history. */
export interface RunTrace {
  readonly logs?: unknown
  readonly usage?: unknown
  readonly egress?: unknown
}

export type CodeEnd = RunTrace &
  ({ readonly ok: true; readonly result: unknown } | { readonly ok: false; readonly error: unknown })

/** What a script's `run` gets first. */
export interface ScriptEvent {
  readonly payload: unknown
  readonly timestamp: Date
  readonly instanceId: string
  readonly workflowName: string
  readonly schedule?: { readonly cron?: string; readonly scheduledTime: number }
}

/** A guest script under way. */
export interface ScriptRun {
  /** Resolves when `run` has returned or thrown. Rejects when the isolate was lost for no fault of the script's: the activation is repeated. */
  readonly ended: Promise<CodeEnd>
  /** As `Ports.turn`. */
  turn(): Promise<boolean>
  /** What the script has printed and requested since this was called last. */
  trace(): RunTrace
  /** The isolate is not needed any more. Calling twice is safe. */
  dispose(): void
}

/** Runs guest code for workflows. The engine knows nothing of isolates; `platform` implements this over the runtime. */
export interface StepRunner {
  /** Rejects with a coded error when the code does not compile. */
  check(program: WorkerProgram, kind: "step" | "script", tenant: string): Promise<void>
  /** Runs a program once, in a fresh isolate. Rejects only for what is worth another activation. */
  runCode(program: WorkerProgram, input: unknown, place: RunPlace): Promise<CodeEnd>
  /** A worker for a closure. Its runs stop with the step, and are told to `onRun`. */
  createWorker(options: string | object, place: RunPlace, onRun: (trace: RunTrace) => void): Promise<StepWorker>
  /** Starts a script's `run(event, step)`. */
  runScript(
    program: WorkerProgram,
    call: {
      readonly entry?: string
      /** Whether instances of the same program and tenant may share an isolate. */
      readonly reuse?: boolean
      readonly event: ScriptEvent
      readonly steps: ScriptSteps
    },
    place: Pick<RunPlace, "tenant">,
  ): ScriptRun
}

/** A runner for programs that have no guest code at all. */
export const noRunner: StepRunner = {
  check: () => Promise.reject(missing()),
  runCode: () => Promise.reject(missing()),
  createWorker: () => Promise.reject(missing()),
  runScript: () => {
    throw missing()
  },
}

function missing(): Error {
  return new Error("this engine has no isolates: create it through a platform")
}
