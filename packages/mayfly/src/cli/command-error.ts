import { inspect } from "node:util"
import { jsonLine, MayflyError } from "@mayfly/protocol"
import type { Output } from "./output.ts"
import { printable } from "./printable.ts"
import { safeLine } from "./safe-line.ts"

export const exitCodes = { ok: 0, failed: 1, usage: 2 } as const

/** Wrong options end with 2, everything else that goes wrong with 1. */
export function exitCodeOf(error: unknown): number {
  return error instanceof MayflyError && error.code === "input.invalid" ? exitCodes.usage : exitCodes.failed
}

/** Says what went wrong: a line on stderr, and with --json the error as the API would answer it. Gives the exit code. */
export function reportFailure(
  error: unknown,
  { json }: { readonly json?: boolean | undefined },
  { stdout, stderr }: Pick<Output, "stdout" | "stderr">,
): number {
  if (json === true) stdout.write(jsonLine({ error: codedError(error) }))
  stderr.write(`${errorLine(error)}\n`)
  return exitCodeOf(error)
}

/**
 * One line for a failure that is not a run: what happened and what to change, whoever said it. Below it the line of the program that a syntax error points
 * at, and with MAYFLY_DEBUG=1 the stack.
 */
export function errorLine(error: unknown): string {
  const { code, message, fix } = codedError(error)
  const lines = message.trimEnd().split("\n")
  const frame = code === "worker.syntax" ? lines.filter((line) => frameLine.test(line)) : []
  const told = lines.filter((line) => !frame.includes(line)).join("\n")
  // The system's own word stands first: it is what people look up.
  const text = `mayfly: ${code === "platform.system" ? "" : `${code}: `}${told}. ${fix}`
  const stack = process.env["MAYFLY_DEBUG"] === "1" ? [printable(inspect(error), false)] : []
  return [safeLine(text), ...frame.map((line) => printable(line, false)), ...stack].join("\n")
}

const frameLine = /^(?:\d+ \| .*|[ \t]*\^+)$/

/** What a person can do about what the system refuses. */
const systemFixes: Readonly<Record<string, string>> = {
  EACCES: "Use a folder that you may write to, or run it as the user whose it is.",
  EMFILE: "Raise the limit of open files (ulimit -n).",
  ENOSPC: "Make room on that disk, or use another one.",
  EPERM: "Use a folder that you may write to, or run it as the user whose it is.",
  EROFS: "Use a folder on a disk that can be written to.",
}

const maxText = 2_000

function codedError(error: unknown): MayflyError {
  if (error instanceof MayflyError) return error
  if (error instanceof Error && "syscall" in error && "code" in error) {
    const fix = systemFixes[String(error.code)]
    return new MayflyError("platform.system", error.message, fix === undefined ? {} : { fix })
  }
  // Anything else is our mistake.
  const text = error instanceof Error ? `${error.name}: ${error.message}` : inspect(error, { depth: 0 })
  return new MayflyError("platform.internal", text.slice(0, maxText))
}

export function invalid(option: string, problem: string): MayflyError {
  return new MayflyError("input.invalid", `${option} ${problem}`, { details: { path: option } })
}
