import type { CompiledProgram } from "../compile/program.ts"
import type { Guest } from "./guest.ts"
import { GuestRun, type RunOrder } from "./guest-run.ts"
import type { Lane, LaneMember, Turn } from "./lane.ts"
import { type Boarding, Train, type TrainEvents } from "./train.ts"

/** Most runs that share a turn. */
const maxBoardings = 16

export interface WarmStartsParts {
  readonly lane: Lane<GuestRun | Train | WarmStart>
  readonly events: TrainEvents
  /** A guest that is kept for these runs, or a new one. */
  guestFor(order: RunOrder, program: CompiledProgram): Guest
  /** Told of each run that begins, before guest code runs. */
  onBegin(runs: readonly GuestRun[]): void
}

/** Runs that may use a warm guest. Those of one worker that wait for the lane together wait as one. */
export class WarmStarts {
  readonly #parts: WarmStartsParts
  readonly #waiting = new Map<string, WarmStart>()

  constructor(parts: WarmStartsParts) {
    this.#parts = parts
  }

  add(boarding: Boarding): void {
    const { key } = boarding
    const waiting = this.#waiting.get(key)
    if (waiting !== undefined && waiting.boardings.length < maxBoardings) return void waiting.boardings.push(boarding)
    const start = this.#wait(key, [boarding])
    // What came in the same read goes along.
    queueMicrotask(() => this.#parts.lane.enqueue(start))
  }

  /** Before those that came later. */
  addAgain(boardings: readonly Boarding[]): void {
    const [first] = boardings
    if (first !== undefined) this.#parts.lane.enqueue(this.#wait(first.key, boardings))
  }

  #wait(key: string, boardings: readonly Boarding[]): WarmStart {
    const start: WarmStart = new WarmStart(boardings, this.#parts, {
      begun: () => this.gone(start),
      leftOver: (rest) => this.addAgain(rest),
    })
    this.#waiting.set(key, start)
    return start
  }

  /** The lane has it, or has given it back. */
  gone(start: WarmStart): void {
    const [first] = start.boardings
    if (first !== undefined && this.#waiting.get(first.key) === start) this.#waiting.delete(first.key)
  }

  /** A run that waits here is not wanted any more. */
  remove(run: number): boolean {
    for (const start of this.#waiting.values()) {
      const at = start.boardings.findIndex(({ order }) => order.run === run)
      if (at === -1) continue
      if (start.boardings.length === 1) this.gone(start)
      start.boardings.splice(at, 1)
      return true
    }
    return false
  }
}

interface WarmStartHooks {
  begun(): void
  leftOver(rest: readonly Boarding[]): void
}

/** A turn that begins one run, or several in a train. Whose turn it is comes out when it begins: until then nothing of it runs. */
export class WarmStart implements Turn<GuestRun | Train | WarmStart>, LaneMember {
  readonly isStart = true
  readonly boardings: Boarding[]
  cpuMs = 0
  residentBytes = 0
  readonly cpuLeftMs = Infinity
  readonly isPaused = false
  member: GuestRun | Train | WarmStart = this
  readonly #parts: WarmStartsParts
  readonly #hooks: WarmStartHooks

  constructor(boardings: readonly Boarding[], parts: WarmStartsParts, hooks: WarmStartHooks) {
    this.boardings = [...boardings]
    this.#parts = parts
    this.#hooks = hooks
  }

  get isOver(): boolean {
    return this.boardings.length === 0
  }

  watch(): void {}

  enter(): Promise<unknown> {
    this.#hooks.begun()
    const [first, ...rest] = this.boardings as [Boarding, ...Boarding[]]
    const guest = this.#parts.guestFor(first.order, first.program)
    if (guest.isEvaluated && rest.length > 0) return this.#depart(guest)
    // A guest that is still to be made is made by one run alone.
    if (rest.length > 0) this.#hooks.leftOver(rest)
    const run = new GuestRun(first.order, guest, this.#parts.events)
    this.member = run
    this.#parts.onBegin([run])
    return run.start(first.texts)
  }

  #depart(guest: Guest): Promise<void> {
    const train = new Train(this.boardings, guest, this.#parts.events)
    this.member = train
    this.#parts.onBegin(train.runs)
    return train.enter()
  }

  leave(error: unknown): void {
    const { member } = this
    if (member instanceof GuestRun) member.settle(error)
    else if (member instanceof Train) member.settle()
  }
}
