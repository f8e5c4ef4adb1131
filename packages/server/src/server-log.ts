import { createLog } from "./log/create-log.ts"

export type LogLevelName = "trace" | "debug" | "info" | "warn" | "error"

/** One line of the server's log. Fields are ours: never a body, a key, a query, or what a program said. */
export interface LogEntry {
  readonly level: LogLevelName
  readonly message: string
  readonly requestId?: string
  readonly stack?: string
  readonly [field: string]: string | number | boolean | undefined
}

export type ServerLog = (entry: LogEntry) => void

let shared: ServerLog | undefined

/** Defects only, as JSON lines on stderr: for those who chose no log of their own. */
export function stderrLog(entry: LogEntry): void {
  shared ??= createLog({ level: "error", format: "json" }).log
  shared(entry)
}

export function unexpected(error: unknown, requestId: string): LogEntry {
  if (!(error instanceof Error)) return { level: "error", message: String(error), requestId }
  return {
    level: "error",
    message: error.message,
    requestId,
    ...(error.stack === undefined ? {} : { stack: error.stack }),
  }
}
