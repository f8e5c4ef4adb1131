import { MayflyError } from "@mayfly/protocol"

export const exitCodes = { ok: 0, failed: 1, usage: 2 } as const

/** Wrong options end with 2, everything else that goes wrong with 1. */
export function exitCodeOf(error: unknown): number {
  return error instanceof MayflyError && error.code === "input.invalid" ? exitCodes.usage : exitCodes.failed
}

/** One line for a failure that is not a run: what happened and what to change. */
export function errorLine(error: unknown): string {
  if (error instanceof MayflyError) return `mayfly: ${error.code}: ${error.message}. ${error.fix}`
  if (!(error instanceof Error)) return `mayfly: ${String(error)}`
  // What the system refuses (no space, no permission) says all there is; anything else is our mistake, and whoever reports it needs the place.
  return `mayfly: ${"syscall" in error ? error.message : (error.stack ?? error.message)}`
}

export function invalid(option: string, problem: string): MayflyError {
  return new MayflyError("input.invalid", `${option} ${problem}`, { details: { path: option } })
}
