import type { ErrorJson, LogLine, Usage } from "@mayfly/protocol"
import type { Run } from "@mayfly/runtime"

/** What is kept of a run that is over, besides its columns. */
export interface RunData {
  readonly usage: Usage
  readonly logs: readonly LogLine[]
  readonly logsTruncated?: true
  readonly egress: number
  readonly error?: ErrorJson
  /** Encoded: nothing of a guest's is decoded before somebody asks for it. */
  readonly result?: string
  /** The result was larger than what is kept. */
  readonly resultBytes?: number
}

const maxResult = 16_384
const maxLogChars = 16_384
const maxError = 8_192

/** The text of it, bounded. */
export function runData(run: Run, resultText: string | undefined): string {
  const { logs, isCut } = firstLogs(run.logs)
  const data: RunData = {
    usage: run.usage,
    logs,
    ...(isCut || run.logsTruncated ? { logsTruncated: true as const } : {}),
    egress: run.egress.length,
    ...(run.ok ? {} : { error: boundedError(run.error.toJSON() as unknown as ErrorJson) }),
    ...keptResult(resultText),
  }
  return JSON.stringify(data)
}

function keptResult(text: string | undefined): Pick<RunData, "result" | "resultBytes"> {
  if (text === undefined) return {}
  return text.length <= maxResult ? { result: text } : { resultBytes: text.length - 1 }
}

function firstLogs(lines: readonly LogLine[]): { readonly logs: readonly LogLine[]; readonly isCut: boolean } {
  let left = maxLogChars
  const logs: LogLine[] = []
  for (const line of lines) {
    // A line costs something besides its text.
    left -= line.message.length + 40
    if (left < 0) return { logs, isCut: true }
    logs.push(line)
  }
  return { logs, isCut: false }
}

function boundedError(error: ErrorJson): ErrorJson {
  if (JSON.stringify(error).length <= maxError) return error
  return { ...error, message: error.message.slice(0, 2_000), details: {} }
}
