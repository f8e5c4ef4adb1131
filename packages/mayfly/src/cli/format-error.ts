import type { MayflyError } from "@mayfly/protocol"

/** A failed run for a person: the mapped stack or message, the source line with a caret, and what to change. */
export function formatError(error: MayflyError): string {
  const { stack, cause } = error.details as { stack?: unknown; cause?: { stack?: unknown } }
  const parts = [typeof stack === "string" && stack !== "" ? titled(error, stack) : error.message]
  parts.push(...sourceLines(error))
  if (typeof cause?.stack === "string" && cause.stack !== "") parts.push(`caused by ${cause.stack}`)
  return [...parts, `${error.code}: ${error.fix}`].join("\n")
}

/** Stacks usually begin with the message; one that a guest made up may not. */
function titled(error: MayflyError, stack: string): string {
  const { message } = error.details
  return typeof message === "string" && !stack.includes(message) ? `${error.message}\n${stack}` : stack.trimEnd()
}

/** A syntax error has them in its message already. */
function sourceLines({ message, details }: MayflyError): string[] {
  const { line, column, sourceLine } = details
  if (typeof line !== "number" || typeof column !== "number" || typeof sourceLine !== "string") return []
  if (message.includes(`${line} | ${sourceLine}`)) return []
  const gutter = `${line} | `
  // Tabs stay tabs, so that the caret stands where the eye expects it.
  const indent = sourceLine.slice(0, column - 1).replace(/[^\t]/g, " ")
  return [`${gutter}${sourceLine}`, `${" ".repeat(gutter.length)}${indent}^`]
}
