import type { Output } from "./output.ts"
import { paint } from "./output.ts"
import { cutToWidth } from "./print-table.ts"
import type { ShownEntry } from "./print-workflow.ts"
import { safeLine } from "./safe-line.ts"

/** What is on the screen of one step. */
interface StepRow {
  readonly name: string
  phase: string
  attempt: number
  readonly begunAt: number
  endedAt: number | undefined
}

/** A workflow as it happens. Whoever opened it disposes it; its last state stays on the screen. */
export interface WorkflowView extends Disposable {
  add(entry: ShownEntry): void
}

const everyMs = 200
/** Of a workflow with more steps the first ones go; the server keeps them. */
const maxRows = 1_000
const marks: Readonly<Record<string, readonly [string, "green" | "red" | "yellow" | "dim"]>> = {
  ok: ["✓", "green"],
  err: ["✗", "red"],
  retry: ["↻", "yellow"],
}
const busy = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"] as const

/** Steps with state and time, drawn again in place on a terminal. */
export function workflowView(output: Output, now: () => number = Date.now): WorkflowView {
  const { stdout } = output
  const steps = new Map<string, StepRow>()
  let [status, drawn, isOpen] = ["", 0, true]
  const draw = (isLast: boolean): void => {
    const width = (stdout.columns || 80) - 1
    const room = isLast ? maxRows : Math.max(1, (stdout.rows || 24) - 3)
    const rows = [...steps.values()]
    const hidden = Math.max(0, rows.length - room)
    const lines = [
      ...(hidden > 0 ? [paint(output, "stdout", "dim", `… ${hidden} steps before`)] : []),
      ...rows.slice(hidden).map((row) => stepLine(row, { output, width, now: now() })),
      ...(isLast || status === "" ? [] : [cutToWidth(safeLine(status), width)]),
    ]
    const back = drawn > 0 ? `\x1b[${drawn}A` : ""
    stdout.write(`${back}\r\x1b[J${lines.map((line) => `${line}\n`).join("")}`)
    drawn = lines.length
  }
  const timer = setInterval(() => draw(false), everyMs).unref()
  return {
    add(entry) {
      if (entry.step === undefined) status = entry.what ?? ""
      else addStep(steps, entry)
    },
    [Symbol.dispose]() {
      if (!isOpen) return
      isOpen = false
      clearInterval(timer)
      draw(true)
    },
  }
}

function addStep(steps: Map<string, StepRow>, { step, phase = "", attempt = 1, time }: ShownEntry): void {
  if (step === undefined) return
  const key = JSON.stringify([step.name, step.count, step.kind])
  const isOver = phase === "ok" || phase === "err"
  const known = steps.get(key)
  const name = step.count > 1 ? `${step.name} #${step.count}` : step.name
  if (known === undefined) steps.set(key, { name, phase, attempt, begunAt: time, endedAt: isOver ? time : undefined })
  else Object.assign(known, { phase, attempt: Math.max(known.attempt, attempt), endedAt: isOver ? time : undefined })
  const [first] = steps.keys()
  if (steps.size > maxRows && first !== undefined) steps.delete(first)
}

function stepLine(
  { name, phase, attempt, begunAt, endedAt }: StepRow,
  { output, width, now }: { readonly output: Output; readonly width: number; readonly now: number },
): string {
  const [mark, style] = marks[phase] ?? [busy[Math.floor(now / 100) % busy.length] ?? "", "dim" as const]
  const tries = attempt > 1 ? `  attempt ${attempt}` : ""
  const text = safeLine(`${name}  ${phase}${tries}  ${duration((endedAt ?? now) - begunAt)}`)
  return `${paint(output, "stdout", style, mark)} ${cutToWidth(text, width - 2)}`
}

function duration(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`
  const minutes = Math.floor(ms / 60_000)
  return minutes < 60
    ? `${minutes} min ${Math.floor((ms % 60_000) / 1_000)} s`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}
