/** One line of the server's log. */
export interface LogEntry {
  readonly level: "error"
  readonly message: string
  readonly requestId: string
  readonly stack?: string
}

export type ServerLog = (entry: LogEntry) => void

/** JSON lines on stderr. */
export function stderrLog(entry: LogEntry): void {
  process.stderr.write(`${JSON.stringify({ time: Date.now(), ...entry })}\n`)
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
