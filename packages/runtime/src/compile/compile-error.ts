import type { CompileFailure } from "./program.ts"

/** Ends a compilation with a failure that the author can act on. */
export class CompileError extends Error {
  readonly failure: CompileFailure

  constructor(failure: CompileFailure) {
    super(failure.message)
    this.failure = failure
  }
}
