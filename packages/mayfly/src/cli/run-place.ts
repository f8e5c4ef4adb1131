import type { RunEvent } from "@mayfly/platform"
import type { RunJson } from "@mayfly/protocol"
import type { ProgramText } from "./read-program.ts"
import type { ParsedRun } from "./run-flags.ts"

/** One call of a program, as its end or as events. Leaving the events, or the signal, cancels it. */
export interface Call {
  end(): Promise<RunJson>
  events(): AsyncIterable<RunEvent>
}

export interface GivenProgram extends ParsedRun {
  readonly text: ProgramText
}

/** Where programs run: here, or on a server that was named. Whoever opened it disposes it. */
export interface RunPlace extends AsyncDisposable {
  call(program: GivenProgram, signal: AbortSignal): Call
}
