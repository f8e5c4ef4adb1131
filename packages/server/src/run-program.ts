import { DynamicWorker, type DynamicWorkerOptions, type Run, type RunEvent, type RunOptions } from "@mayfly/platform"
import { type ErrorCode, MayflyError } from "@mayfly/protocol"
import { type FailedRun, failedRun } from "./failed-run.ts"

/** One program and the one call that is made to it. */
export interface Program {
  readonly options: DynamicWorkerOptions
  readonly call:
    | { readonly kind: "run"; readonly input: unknown }
    | { readonly kind: "fetch"; readonly request: Request }
  readonly props?: unknown
}

/** What the author of a program can do wrong before it runs. */
const authorErrors: ReadonlySet<ErrorCode> = new Set([
  "worker.syntax",
  "worker.module-not-found",
  "worker.no-entrypoint",
  "worker.typecheck",
  "worker.compile-timeout",
])

/** Compiles and calls a program. A program that is wrong is a failed run; wrong options reject, with `input.invalid` and the like. */
export async function runProgram(program: Program, signal: AbortSignal): Promise<Run> {
  const { options, call } = program
  const worker = await create(options)
  if (!(worker instanceof DynamicWorker)) return worker
  const given = callOptions(program, signal)
  return call.kind === "run" ? worker.execute(call.input, given) : worker.executeRequest(call.request, given)
}

/** The same as events: logs and egress as they happen, then the result or the error. Leaving the loop cancels the run. */
export async function* streamProgram(program: Program, signal: AbortSignal): AsyncGenerator<RunEvent, void, void> {
  const { options, call } = program
  const worker = await create(options)
  if (!(worker instanceof DynamicWorker)) return yield { type: "error", error: worker.error, run: worker }
  const given = callOptions(program, signal)
  yield* call.kind === "run" ? worker.stream(call.input, given) : worker.streamRequest(call.request, given)
}

/** Results become JSON: a stub would be nothing there. */
function callOptions({ props }: Program, signal: AbortSignal): RunOptions {
  return { signal, stubs: false, ...(props === undefined ? {} : { props }) }
}

async function create(options: DynamicWorkerOptions): Promise<DynamicWorker | FailedRun> {
  try {
    return await DynamicWorker.create(options)
  } catch (error) {
    if (!(error instanceof MayflyError) || !authorErrors.has(error.code)) throw error
    return failedRun(error)
  }
}
