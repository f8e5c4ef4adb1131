import { inspect } from "node:util"
import type { Run } from "@mayfly/platform"
import type { LogLine, MayflyError, Usage } from "@mayfly/protocol"
import { formatError } from "./format-error.ts"
import { hasColor, type Output, paint, type StreamName } from "./output.ts"
import { printable } from "./printable.ts"

const logStyles = { debug: "dim", log: undefined, info: undefined, warn: "yellow", error: "red" } as const

/** A console line of the guest's, on stderr. */
export function printLog(output: Output, { level, message }: Pick<LogLine, "level" | "message">): void {
  const style = logStyles[level]
  const text = safe(output, "stderr", message)
  output.stderr.write(`${style === undefined ? text : paint(output, "stderr", style, text)}\n`)
}

/** The result on stdout, or the error on stderr; then a line of usage. */
export function printRun(output: Output, run: Run): void {
  if (run.ok) printResult(output, run.result)
  else printError(output, run.error)
  output.stderr.write(`${paint(output, "stderr", "dim", usageLine(run.usage))}\n`)
}

/** Text as it is, other values as Node shows them, all of them; undefined prints nothing. */
export function printResult(output: Output, result: unknown): void {
  if (result === undefined) return
  const text = typeof result === "string" ? safe(output, "stdout", result) : format(output, result)
  output.stdout.write(text.endsWith("\n") ? text : `${text}\n`)
}

export function printError(output: Output, error: MayflyError): void {
  const [title = "", ...rest] = safe(output, "stderr", formatError(error)).split("\n")
  output.stderr.write(`${[paint(output, "stderr", "red", title), ...rest].join("\n")}\n`)
}

function format(output: Output, value: unknown): string {
  return inspect(value, {
    colors: hasColor(output, "stdout"),
    depth: Infinity,
    maxArrayLength: Infinity,
    maxStringLength: Infinity,
    breakLength: output.stdout.isTTY ? output.stdout.columns : 100,
    customInspect: false,
  })
}

/** Only a terminal obeys escape sequences; a file or a program gets the very text. */
function safe(output: Output, name: StreamName, text: string): string {
  return output[name].isTTY ? printable(text, hasColor(output, name)) : text
}

export function usageLine({ cpuMs, wallMs, peakMemoryBytes, subRequests }: Usage): string {
  const parts = [
    `cpu ${round(cpuMs)} ms`,
    `wall ${round(wallMs)} ms`,
    `memory ${round(peakMemoryBytes / 1_048_576)} MiB`,
  ]
  if (subRequests > 0) parts.push(`${subRequests} ${subRequests === 1 ? "request" : "requests"}`)
  return parts.join(", ")
}

function round(value: number): string {
  return value >= 100 ? String(Math.round(value)) : value.toFixed(1)
}
