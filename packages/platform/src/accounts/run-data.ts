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
const lineSize = 40

/** Bounded, and without the run: whoever holds this must not hold a result of many megabytes. */
export function runData(run: Run, resultText: string | undefined): RunData {
  const { logs, isCut } = firstLogs(run.logs)
  return {
    usage: run.usage,
    logs,
    ...(isCut || run.logsTruncated ? { logsTruncated: true as const } : {}),
    egress: run.egress.length,
    ...(run.ok ? {} : { error: boundedError(run.error.toJSON() as unknown as ErrorJson) }),
    ...keptResult(resultText),
  }
}

/** About what it takes in memory. */
export function sizeOf({ result = "", logs, error }: RunData): number {
  const ofLogs = logs.reduce((sum, { message }) => sum + message.length + lineSize, 0)
  return 500 + result.length + ofLogs + (error === undefined ? 0 : error.message.length + 500)
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
    left -= line.message.length + lineSize
    if (left < 0) return { logs, isCut: true }
    logs.push(line)
  }
  return { logs, isCut: false }
}

function boundedError(error: ErrorJson): ErrorJson {
  if (JSON.stringify(error).length <= maxError) return error
  return { ...error, message: error.message.slice(0, 2_000), details: {} }
}
