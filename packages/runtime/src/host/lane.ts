import { guestCpuMs } from "./cpu-clock.ts"
import { recentResidentBytes, residentBytes } from "./resident-memory.ts"

/** What the lane needs to know of a run. */
export interface LaneMember {
  /** CPU used so far; the lane adds to it. */
  cpuMs: number
  /** Growth of the process that this run's ended turns caused. */
  residentBytes: number
  readonly isOver: boolean
  /** It waits in the middle of a turn; only one that resumes it may start. */
  readonly isPaused: boolean
  /** Checks limits while a turn of the run is under way. `growth` is how much the process has grown since the turn began. */
  watch(growth: number): void
  /** CPU milliseconds until its limit, Infinity without one. */
  readonly cpuLeftMs: number
}

export interface Turn<Member extends LaneMember> {
  /** May change in `enter`. */
  readonly member: Member
  /** Runs guest code on a thread of its own. */
  enter(): Promise<unknown>
  /** The turn is over; `error` is what it rejected with. */
  leave(error: unknown): void
  /** The first turn of a run: it has had no effect yet and may be sent back. */
  readonly isStart: boolean
  /** Goes on with a turn that paused. Before all others: what it holds up is a whole guest. */
  readonly resumes?: true
}

interface InFlight<Member extends LaneMember> {
  readonly turn: Turn<Member>
  readonly startedAt: number
  readonly residentAtStart: number
}

export interface LaneEvents<Member extends LaneMember> {
  /** A turn takes long: new runs are better off elsewhere. `sentBack` have not started and were taken out of the queue. */
  onLong(sentBack: readonly Turn<Member>[]): void
  /** The lane is free again after a long turn. */
  onIdle(): void
  /** Guest code runs that should not: an ended run's turn, or something outside of all turns. The process must go. */
  onRunaway(reason: string): void
}

/** From here on a turn is long: waiting turns of other runs in this process no longer wait for it. */
const longMs = 10
const maxOverlap = 8
const tickMs = 3
const graceMs = 50
const maxIdleCpuMs = 500

/**
 * One turn of guest code at a time, so that CPU and memory growth of the process belong to it. Beside a long turn the turns of other runs
 * start all the same; then CPU is shared out evenly among the turns under way, which is what the scheduler does.
 */
export class Lane<Member extends LaneMember> {
  readonly #events: LaneEvents<Member>
  readonly #queue: Turn<Member>[] = []
  #inFlight: InFlight<Member>[] = []
  #lastCpuMs = guestCpuMs()
  #ticker: NodeJS.Timeout | undefined
  /** When the ticker fires; Infinity when it is not set. */
  #tickAt = Infinity
  #isLong = false
  #idleCpuMs = 0
  readonly #condemned = new Map<Member, number>()

  constructor(events: LaneEvents<Member>) {
    this.#events = events
  }

  /** Whether a long turn is under way. */
  get isLong(): boolean {
    return this.#isLong
  }

  enqueue(turn: Turn<Member>): void {
    if (turn.resumes === true) this.#queue.unshift(turn)
    else this.#queue.push(turn)
    this.#pump()
  }

  /** The member's turn must end within the grace period; else the process dies. */
  condemn(member: Member, ms = graceMs): void {
    if (this.#inFlight.some(({ turn }) => turn.member === member)) {
      this.#condemned.set(member, performance.now() + ms)
      this.#tickIn(1)
    }
  }

  #pump(): void {
    for (;;) {
      const next = this.#nextTurn()
      if (next === undefined) return
      this.#start(next)
    }
  }

  #nextTurn(): Turn<Member> | undefined {
    if (this.#inFlight.length > 0 && (!this.#isLong || this.#inFlight.length >= maxOverlap)) return undefined
    const at = this.#queue.findIndex((turn) => turn.member.isOver || this.#mayStart(turn))
    if (at === -1) return undefined
    const [turn] = this.#queue.splice(at, 1)
    return turn?.member.isOver === true ? this.#nextTurn() : turn
  }

  #mayStart({ member, resumes }: Turn<Member>): boolean {
    return !this.#isInFlight(member) && (resumes === true || !member.isPaused)
  }

  #isInFlight(member: Member): boolean {
    return this.#inFlight.some(({ turn }) => turn.member === member)
  }

  #start(turn: Turn<Member>): void {
    this.#charge()
    const flight = { turn, startedAt: performance.now(), residentAtStart: recentResidentBytes() }
    this.#inFlight.push(flight)
    const entered = turn.enter()
    this.#tickIn(Math.min(tickMs, Math.max(1, turn.member.cpuLeftMs)))
    entered.then(
      () => this.#end(flight, undefined),
      (error: unknown) => this.#end(flight, error ?? String(error)),
    )
  }

  #end(flight: InFlight<Member>, error: unknown): void {
    this.#charge()
    const { member } = flight.turn
    member.residentBytes = Math.max(0, member.residentBytes + residentBytes() - flight.residentAtStart)
    this.#inFlight = this.#inFlight.filter((other) => other !== flight)
    this.#condemned.delete(member)
    flight.turn.leave(error)
    if (this.#isLong && this.#inFlight.length === 0) {
      this.#isLong = false
      this.#events.onIdle()
    }
    this.#pump()
  }

  /** Shares the CPU since the last call among the turns under way. */
  #charge(): void {
    const now = guestCpuMs()
    const spent = Math.max(0, now - this.#lastCpuMs)
    this.#lastCpuMs = now
    if (this.#inFlight.length === 0) this.#idleCpuMs += spent
    const each = spent / (this.#inFlight.length || 1)
    for (const { turn } of this.#inFlight) turn.member.cpuMs += each
  }

  /** Called about once a second. Garbage collection needs a little time outside of turns; a program that found a way around them needs much. */
  checkIdle(): void {
    this.#charge()
    if (this.#idleCpuMs > maxIdleCpuMs) this.#events.onRunaway("guest code ran outside of its turns")
    this.#idleCpuMs = 0
  }

  /** A tick that comes sooner is as good, also one that was meant for an earlier turn: most turns are over before theirs. */
  #tickIn(ms: number): void {
    const at = performance.now() + ms
    if (this.#tickAt <= at) return
    clearTimeout(this.#ticker)
    this.#tickAt = at
    this.#ticker = setTimeout(() => this.#tick(), ms)
  }

  #tick(): void {
    this.#tickAt = Infinity
    if (this.#inFlight.length === 0) return
    this.#charge()
    const resident = residentBytes()
    for (const { turn, residentAtStart } of this.#inFlight) {
      if (!turn.member.isOver) turn.member.watch(resident - residentAtStart)
    }
    const now = performance.now()
    for (const deadline of this.#condemned.values())
      if (now > deadline) this.#events.onRunaway("a run did not stop in time")
    this.#noticeLong(now)
    this.#tickIn(this.#nextTickMs())
  }

  #noticeLong(now: number): void {
    if (this.#isLong || !this.#inFlight.some(({ startedAt }) => now - startedAt >= longMs)) return
    this.#isLong = true
    const starts = this.#queue.filter((turn) => turn.isStart)
    for (const turn of starts) this.#queue.splice(this.#queue.indexOf(turn), 1)
    this.#events.onLong(starts)
    this.#pump()
  }

  #nextTickMs(): number {
    if (this.#condemned.size > 0) return 1
    const left = Math.min(...this.#inFlight.map(({ turn }) => turn.member.cpuLeftMs))
    return Math.min(tickMs, Math.max(1, left))
  }
}
