import { type Output, paint } from "./output.ts"
import type { Cell } from "./print-table.ts"
import { safeLine } from "./safe-line.ts"

/** As the API shows an instance. */
export interface ShownWorkflow {
  readonly id: string
  readonly status: string
  readonly createdAt: number
  readonly reason?: string
  readonly run?: number
  readonly endedAt?: number
  readonly wakeAt?: number
  readonly output?: unknown
  readonly error?: { readonly name: string; readonly message: string; readonly code?: string }
  readonly rollback?: string
  readonly waits?: readonly { readonly step: string; readonly type: string; readonly hook: string }[]
}

/** As the API shows a line of the history. */
export interface ShownEntry {
  readonly cursor: number
  readonly time: number
  readonly type: "instance" | "step"
  readonly what?: string
  readonly step?: { readonly name: string; readonly count: number; readonly kind: string }
  readonly phase?: string
  readonly attempt?: number
  readonly dueAt?: number
  readonly output?: unknown
  readonly error?: { readonly message: string }
}

const colors: Readonly<Record<string, "green" | "red" | "yellow">> = {
  complete: "green",
  ok: "green",
  errored: "red",
  terminated: "red",
  err: "red",
  retry: "yellow",
  waiting: "yellow",
  paused: "yellow",
}

/** A step's output is a glance; `--json` has all of it. */
const maxValue = 160

export function workflowRow({ id, status, reason, createdAt }: ShownWorkflow): readonly Cell[] {
  const style = colors[status]
  return [time(createdAt), style === undefined ? status : { text: status, style }, id, reason ?? ""]
}

function workflowLine(workflow: ShownWorkflow, output: Output): string {
  const { id, status, reason, createdAt } = workflow
  return [time(createdAt), word(status, 15, output), safeLine(id), safeLine(reason ?? "")].join("  ").trimEnd()
}

export function workflowLines(workflow: ShownWorkflow, output: Output): string[] {
  const { waits = [], output: value, error, wakeAt, endedAt, rollback } = workflow
  const isEnded = endedAt !== undefined
  const rest = [
    ...(wakeAt === undefined || isEnded ? [] : [`wakes ${time(wakeAt)}`]),
    ...waits.map(({ step, type, hook }) => `"${step}" waits for "${type}", also at ${hook}`),
    ...(isEnded ? [`ended ${time(endedAt)}`] : []),
    ...(value === undefined ? [] : [`output ${JSON.stringify(value)}`]),
    ...(error === undefined ? [] : [`error ${error.code ?? error.name}: ${error.message}`]),
    ...(rollback === undefined ? [] : [`rollback ${rollback}`]),
  ]
  return [workflowLine(workflow, output), ...rest.map((line) => `    ${safeLine(line)}`)]
}

export function entryLine(entry: ShownEntry, output: Output): string {
  const { step, phase = "", what = "", attempt = 0, dueAt, error } = entry
  if (step === undefined) return `${time(entry.time)}  ${word(what, 8, output)}`
  const name = step.count > 1 ? `${step.name} #${step.count}` : step.name
  const words = [
    name,
    ...(attempt > 1 ? [`attempt ${attempt}`] : []),
    ...(dueAt === undefined || phase === "ok" || phase === "err" ? [] : [`until ${time(dueAt)}`]),
    ...(error === undefined ? [] : [error.message]),
    ...(entry.output === undefined ? [] : [cut(JSON.stringify(entry.output))]),
  ]
  return `${time(entry.time)}  ${word(phase, 8, output)}  ${safeLine(words.join("  "))}`
}

function word(text: string, width: number, output: Output): string {
  const color = colors[text]
  const padded = safeLine(text).padEnd(width)
  return color === undefined ? padded : paint(output, "stdout", color, padded)
}

function time(at: number): string {
  return new Date(at).toISOString()
}

function cut(text: string): string {
  return text.length > maxValue ? `${text.slice(0, maxValue)}…` : text
}
