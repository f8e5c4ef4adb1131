import type { CompiledProgram } from "../compile/program.ts"
import type { Guest } from "./guest.ts"
import { GuestRun, type RunEvents, type RunOrder, type RunTexts } from "./guest-run.ts"
import type { LaneMember } from "./lane.ts"
import { type OutboxEntry, readOutbox } from "./outbox-reader.ts"

/** A run that waits to be begun in a warm guest. */
export interface Boarding {
  /** What the guest is kept by. */
  readonly key: string
  readonly program: CompiledProgram
  readonly order: RunOrder
  readonly texts: RunTexts
}

export interface TrainEvents extends RunEvents {
  /** Nothing of these runs has been seen by anybody; they must be begun again, each alone. */
  onUndone(train: Train): void
  /** These were not begun. */
  onLeftOver(waiting: readonly Boarding[]): void
}

const noTexts: RunTexts = { input: "j{}", env: "j{}", props: "j{}" }
const mebibyte = 1_048_576
/** A turn that uses more is undone. By CPU, so that a busy machine undoes none; the time is for what waits without using any. */
const maxCpuMs = 10
const maxMs = 200
const memorySlack = 48 * mebibyte

/**
 * Runs of one warm worker that share a turn of the lane, one behind the other in the same isolate: each begins when the one before has ended well
 * and its microtasks are done. What they ask for comes out when the turn is over, so until then a train can be undone: when it takes long, or
 * goes over a limit, its isolate goes and its runs are begun again, each alone, where it is clear whose fault it is.
 */
export class Train implements LaneMember {
  cpuMs = 0
  residentBytes = 0
  /** Objects, whose turns pause, are never warm runs. */
  readonly isPaused = false
  readonly runs: readonly GuestRun[]
  readonly guest: Guest
  readonly #boardings: readonly Boarding[]
  readonly #events: TrainEvents
  readonly #startedAt = performance.now()
  #isOver = false
  #rejections: readonly PromiseSettledResult<unknown>[] = []

  constructor(boardings: readonly Boarding[], guest: Guest, events: TrainEvents) {
    this.guest = guest
    this.#boardings = boardings
    this.#events = events
    this.runs = boardings.map(({ order }) => new GuestRun(order, guest, events))
    for (const run of this.runs) run.isBoarded = true
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** All of the turn may have been one run's. */
  get cpuLeftMs(): number {
    return Math.min(...this.runs.map((run) => run.cpuLeftMs)) - this.cpuMs
  }

  /** One call for each run, made at once: the isolate performs them without coming back here, and empties its microtasks between them. */
  async enter(): Promise<void> {
    this.guest.warm.reassign({
      // Lines come with the outbox; only a flood of them is told at once.
      onLine: () => this.undo(),
      onCatastrophe: () => this.#catastrophe(),
    })
    const calls = this.runs.map((run, at) =>
      run.call(at === 0 ? "first" : "next", this.#boardings[at]?.texts ?? noTexts),
    )
    this.#rejections = await Promise.allSettled(calls)
  }

  watch(growth: number): void {
    const { memoryMb } = this.guest.warm
    const isLong = this.cpuMs > maxCpuMs || performance.now() - this.#startedAt > maxMs
    if (isLong || this.cpuLeftMs < 0 || growth > memoryMb * mebibyte + memorySlack) this.undo()
  }

  /** Ends the turn as if it had never been. Safe to call twice. */
  undo(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.guest.dispose()
    this.#events.onUndone(this)
  }

  #catastrophe(): void {
    const [run] = this.runs
    this.undo()
    if (run !== undefined) this.#events.onCatastrophe(run)
  }

  /** The turn is over: gives each run what it left. */
  settle(): void {
    if (this.#isOver) return
    if (this.cpuLeftMs < 0 || this.guest.warm.isolate.isDisposed) return this.undo()
    const entries = [...readOutbox(this.#take())]
    const begun = entries.reduce((count, { op }) => count + (op === "G" ? 1 : 0), 0)
    if (begun === 0 || begun > this.runs.length) return this.undo()
    this.#isOver = true
    this.#share(begun)
    this.#distribute(entries)
    this.#finish(this.runs[begun - 1] as GuestRun)
    const waiting = this.#boardings.filter((_, at) => at >= begun && this.runs[at]?.isOver === false)
    if (waiting.length > 0) this.#events.onLeftOver(waiting)
  }

  #take(): string {
    try {
      const text: unknown = this.guest.warm.dispatch.applySync(undefined, ["drain"])
      return typeof text === "string" ? text : ""
    } catch {
      return ""
    }
  }

  /** In equal parts: runs of one worker, of which none took long. */
  #share(begun: number): void {
    const wallMs = (performance.now() - this.#startedAt) / begun
    for (const run of this.runs.slice(0, begun)) {
      run.cpuMs = this.cpuMs / begun
      run.residentBytes = this.residentBytes / begun
      run.peakBytes = Math.max(run.residentBytes, this.guest.heapBytes)
      run.sharedMs = wallMs
    }
  }

  #distribute(entries: readonly OutboxEntry[]): void {
    let at = -1
    let lines: string[] = []
    const said = (run: GuestRun): void => {
      if (lines.length > 0 && !run.isOver) this.#events.onLogs(run, lines)
      lines = []
    }
    for (const entry of entries) {
      if (entry.op === "G") at++
      const run = this.runs[at] as GuestRun
      if (entry.op === "L") lines.push(`${entry.id} ${entry.payload}`)
      else if (entry.op === "E") {
        said(run)
        run.receiveOutcome(entry.payload)
      } else if (entry.op !== "G") run.receive(entry)
    }
    said(this.runs[at] as GuestRun)
  }

  /** The last run that began has the isolate for itself, whether it has ended or waits. */
  #finish(last: GuestRun): void {
    last.isBoarded = false
    const outcome = this.#take()
    if (last.isOver) this.guest.dispose()
    else if (outcome !== "") last.receiveOutcome(outcome)
    else {
      last.sharedMs = undefined
      last.goOn(this.#rejections[this.runs.indexOf(last)])
    }
  }
}
