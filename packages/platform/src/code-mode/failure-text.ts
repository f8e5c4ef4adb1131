import type { LogLine, MayflyError } from "@mayfly/protocol"

/** Longest text that a model gets of a message or of the console. */
const maxMessage = 4_000
const maxConsole = 4_000

/** The `error` of an executor: the guest's own message as it is, so that callers may compare it; everything else with its code. */
export function executorError(error: MayflyError): string {
  const { code, details } = error
  const message = typeof details["message"] === "string" ? details["message"] : ""
  switch (code) {
    case "worker.guest":
      return message === "" ? error.message : message
    case "worker.wall-limit":
    case "worker.cpu-limit":
      return `Execution timed out (${code}: ${error.message})`
    case "worker.syntax":
      return `${titleOf(error)}${placeOf(error)} (${code})`
    default:
      return `${message === "" || code === "worker.memory-limit" ? error.message : message} (${code})`
  }
}

/** Console lines as `@cloudflare/codemode` gives them. */
export function logTexts(logs: readonly LogLine[]): string[] {
  return logs.map(({ level, message }) => (level === "warn" || level === "error" ? `[${level}] ${message}` : message))
}

/** All that a model needs to write it better: what failed and where, what to change, what the code had printed. */
export function modelError(error: MayflyError, logs: readonly LogLine[]): string {
  const timedOut = error.code === "worker.wall-limit" || error.code === "worker.cpu-limit"
  const title = `Code execution ${timedOut ? "timed out" : "failed"} (${error.code}): ${titleOf(error).slice(0, maxMessage)}${placeOf(error)}`
  const fix = error.code === "worker.guest" || error.code === "mesh.denied" ? "" : `\nTo fix it: ${error.fix}`
  return `${title}${fix}${consoleText(logTexts(logs))}`
}

/** The message of a syntax error shows its place in a frame, whose lines are counted with ours. */
function titleOf({ code, message, details }: MayflyError): string {
  const isFramed = code === "worker.syntax" && typeof details["message"] === "string"
  return isFramed ? `SyntaxError: ${String(details["message"])}` : message
}

function placeOf({ details }: MayflyError): string {
  const { line, column, sourceLine } = details
  if (typeof line !== "number" || typeof column !== "number") return ""
  const source =
    typeof sourceLine === "string" && sourceLine.trim() !== "" ? `: ${sourceLine.trim().slice(0, 200)}` : ""
  return `\n  at line ${line}, column ${column}${source}`
}

/** The last lines matter most. */
function consoleText(lines: readonly string[]): string {
  if (lines.length === 0) return ""
  const text = lines.join("\n")
  const cut = text.length > maxConsole ? `[…]${text.slice(-maxConsole)}` : text
  return `\n\nConsole output:\n${cut}`
}
