import { Attempts, type Work } from "./attempts.ts"
import { Delivery } from "./delivery.ts"
import { EventBox } from "./event-box.ts"
import type { LazySignal } from "./lazy-signal.ts"
import { isCompletion, type JournalRow, type NewRow, type PendingEvent } from "./journal.ts"
import type { ActivationEnd, ActivationStart, Change, Finish, Ports, Program, WaitReason } from "./ports.ts"
import { Sequencer } from "./sequencer.ts"
import type { Attempt, Compensation, DoStep, EventStep, Settled, StepHost } from "./step-host.ts"
import { describeKey, kindOf, scopeOf, type StepKey, StepKeys } from "./step-key.ts"
import { PreparedAttempt } from "./prepared-attempt.ts"
import { nextUndo, undoingKey } from "./undoing.ts"
import { Waits } from "./waits.ts"

/** What begins a step that is not in the journal. */
type Begin = () => void

const maxDuring = 100
const firstRecheckMs = 5
const slowestRecheckMs = 500

/**
 * One stay of an instance in memory: replays the journal, runs what is not in it, and ends by finishing, by parking until something is due, or by being given
 * up. User code sees a result only after its row is durable, and all results in the order of the journal, one per turn: live and in every replay the same.
 */
export class Activation {
  readonly #start: ActivationStart
  readonly #ports: Ports
  readonly #keys = new StepKeys()
  readonly #root: Delivery
  readonly #scopes = new Map<StepKey, Delivery>()
  readonly #completed = new Map<StepKey, JournalRow>()
  readonly #begun = new Map<StepKey, JournalRow>()
  readonly #firstSeq = new Map<StepKey, number>()
  readonly #order: Sequencer<JournalRow>
  readonly #waits: Waits
  readonly #events: EventBox
  readonly #attempts: Attempts
  readonly #compensations = new Map<StepKey, Compensation>()
  /** Steps under way: an attempt that starts over meets the steps inside it where they are. */
  readonly #active = new Set<StepKey>()
  /** What ran when a step was asked for, where that matters. */
  readonly #during = new Map<StepKey, readonly StepKey[]>()
  /** Steps that the journal does not know, while it still has something to say. */
  #held: [StepKey, Begin][] = []
  /** Rows of waits that have begun; written together with the parking, when that follows at once. */
  #starts: NewRow[] = []
  #spawns: { readonly key: StepKey; readonly start: unknown }[] = []
  #commits = 0
  #stored = 0
  #asks = 0
  #isReplaying = true
  #isPausing = false
  #isPumping = false
  /** The last commit is on its way. */
  #isEnding = false
  #isOver = false
  #programEnd: Settled | undefined
  /** Why everything is undone. */
  #undoing: string | undefined
  #cancelRecheck = (): void => {}
  #recheckMs = firstRecheckMs
  #quietSince: number | undefined
  readonly #end = Promise.withResolvers<ActivationEnd>()

  constructor(start: ActivationStart, ports: Ports) {
    this.#start = start
    this.#ports = ports
    for (const row of start.journal) this.#remember(row)
    this.#root = new Delivery(start.journal.filter(isDelivered), true)
    this.#order = new Sequencer(start.lastSeq)
    this.#waits = new Waits(ports.clock)
    this.#events = new EventBox(start.events)
    this.#attempts = new Attempts({
      clock: ports.clock,
      waits: this.#waits,
      maxParallel: start.maxParallel,
      commit: (rows) => this.#commit({ rows }),
      succeed: (work, row) => this.#succeed(work, row),
      prepare: (key, attempt, abort) => this.#prepare(key, attempt, abort),
      timeoutFailure: (message) => ports.encodeFailure("timeout", message),
      isWanted: (work) => !this.#isOver && !this.#isEnding && (work.isUndoing || this.#programEnd === undefined),
      isPausing: () => this.#isPausing,
      onBroken: (error) => this.abandon(error),
      onChange: () => this.#pump(),
    })
    if (start.isTerminating) this.#undoing = ports.encodeFailure("terminated", "the instance was terminated")
    this.#undoing = this.#begun.get(undoingKey)?.value ?? this.#undoing
  }

  /** Call once. Never rejects. */
  async run(program: Program): Promise<ActivationEnd> {
    program(this.#host("")).then(
      (end) => this.#onProgramEnd(end),
      (error: unknown) => this.abandon(error),
    )
    this.#pump()
    return this.#end.promise
  }

  /** An event has been stored. */
  onEvent(event: PendingEvent): void {
    this.#events.add(event)
    this.#pump()
  }

  /** Attempts that run may finish, nothing new begins, then the instance parks. */
  pause(): void {
    this.#isPausing = true
    this.#pump()
  }

  /** The pause was taken back before the instance had parked. */
  unpause(): void {
    this.#isPausing = false
    this.#attempts.startQueued()
    this.#pump()
  }

  /** Stops at once: a commit failed, or somebody else has the instance. Nothing is written any more. Calling twice is safe. */
  abandon(cause: unknown): void {
    this.#close({ kind: "abandoned", cause })
  }

  #close(end: ActivationEnd): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#waits.disarm()
    this.#cancelRecheck()
    this.#attempts.stop("the instance left memory")
    this.#end.resolve(end)
  }

  #now(): number {
    return this.#ports.clock.now()
  }

  // What user code may ask for

  #host(scope: StepKey): StepHost {
    return {
      do: (step) => this.#do(scope, step),
      sleep: (name, wake) => this.#sleep(scope, name, wake),
      waitForEvent: (step) => this.#waitForEvent(scope, step),
      child: (name, start) => this.#child(scope, name, start),
    }
  }

  #do(scope: StepKey, step: DoStep): Promise<Settled> {
    const key = this.#keys.next(scope, "do", step.name)
    if (step.compensation !== undefined) this.#compensations.set(key, step.compensation)
    return this.#ask(key, () => this.#beginDo(key, step))
  }

  #beginDo(key: StepKey, step: DoStep): void {
    const begun = this.#begun.get(key)
    const { config, compensation } = step
    if (begun?.phase === "start" && config.atMostOnce) {
      const message = `${describeKey(key)} was interrupted and must not run twice; whether it took effect is not known`
      return this.#complete(key, {
        phase: "err",
        attempt: begun.attempt,
        value: this.#ports.encodeFailure("interrupted", message),
      })
    }
    // What can be undone must be known before there is something to undo.
    const isAnnounced = config.atMostOnce || compensation !== undefined
    const isLast = step.isLast === true
    const work: Work = { key, config, isAnnounced, isUndoing: false, isLast, run: (attempt) => step.run(attempt) }
    this.#attempts.begin(work, begun, begun === undefined ? 0 : this.#shifted(begun))
  }

  #sleep(scope: StepKey, name: string, wake: { ms: number } | { until: number }): Promise<Settled> {
    const key = this.#keys.next(scope, "sleep", name)
    return this.#ask(key, () => {
      const isRelative = "ms" in wake
      const dueAt = this.#beginWait(key, isRelative ? this.#now() + wake.ms : wake.until, isRelative)
      this.#waits.set(key, dueAt, () => this.#complete(key, { phase: "ok", attempt: 0 }))
    })
  }

  #waitForEvent(scope: StepKey, { name, type, timeoutMs, about }: EventStep): Promise<Settled> {
    const key = this.#keys.next(scope, "event", name)
    return this.#ask(key, () => {
      const remember = (): string => JSON.stringify({ type, token: this.#ports.token(), about })
      const until = this.#beginWait(key, this.#now() + timeoutMs, true, remember)
      this.#events.wait({ key, type, until })
      this.#waits.set(key, until, () => this.#timeOutEvent(key, type, timeoutMs))
    })
  }

  #timeOutEvent(key: StepKey, type: string, timeoutMs: number): void {
    // An event that came in time but is seen only now, after the process was down, counts.
    this.#takeEvents()
    if (!this.#events.leave(key)) return
    const message = `${describeKey(key)} waited ${timeoutMs} ms for an event of type ${JSON.stringify(type)}`
    this.#complete(key, { phase: "err", attempt: 0, value: this.#ports.encodeFailure("event-timeout", message) })
  }

  #child(scope: StepKey, name: string, start: unknown): Promise<Settled> {
    const key = this.#keys.next(scope, "child", name)
    return this.#ask(key, () => {
      if (!this.#begun.has(key)) {
        this.#starts.push({ key, phase: "start", attempt: 0, at: this.#now() })
        this.#spawns.push({ key, start })
      }
      this.#events.wait({ key, type: childEventType(key), until: Infinity })
      this.#waits.set(key, Infinity, () => {})
    })
  }

  /** Resolves when the step's completion has its turn. A step that is not complete begins when the journal has been replayed. */
  async #ask(key: StepKey, begin: Begin): Promise<Settled> {
    if (this.#isOver || this.#isEnding || this.#programEnd !== undefined) return new Promise(() => {})
    const scope = scopeOf(key)
    const row = this.#deliveryOf(scope).ask(key)
    this.#asks++
    this.#quietSince = undefined
    if (this.#start.tracksNesting === true && this.#attempts.size > 0 && !this.#completed.has(key)) {
      this.#during.set(key, this.#attempts.keys.slice(0, maxDuring))
    }
    const limit = this.#start.maxSteps
    if (this.#asks > limit) {
      this.#fail(this.#ports.encodeFailure("step-limit", `the instance has more than ${limit} steps`))
    } else if (!this.#completed.has(key) && !this.#active.has(key)) {
      if (scope === "" && this.#isReplaying) this.#held.push([key, begin])
      else this.#begin(key, begin)
    }
    this.#pump()
    const { phase, at, value = "" } = await row
    return phase === "ok" ? { ok: true, value, at } : { ok: false, failure: value, at }
  }

  #begin(key: StepKey, begin: Begin): void {
    // An instance that is being undone, or has ended, starts nothing new.
    if (this.#undoing !== undefined || this.#programEnd !== undefined || this.#isOver) return
    if (this.#start.isRehearsal === true) return this.#close({ kind: "parked", wakeAt: null })
    this.#active.add(key)
    begin()
  }

  #deliveryOf(scope: StepKey): Delivery {
    if (scope === "") return this.#root
    const known = this.#scopes.get(scope)
    if (known !== undefined) return known
    const rows = [...this.#completed.values()].filter(({ key }) => scopeOf(key) === scope && isResult(key))
    rows.sort((a, b) => a.seq - b.seq)
    const delivery = new Delivery(rows, false)
    this.#scopes.set(scope, delivery)
    return delivery
  }

  #prepare(key: StepKey, attempt: number, abort: LazySignal): Attempt {
    this.#keys.forget(key)
    this.#scopes.delete(key)
    return new PreparedAttempt(key, attempt, {
      abort,
      idempotencyKey: `${this.#start.id}/${key}`,
      host: () => this.#host(key),
    })
  }

  // Waiting

  /** When the wait ends: what the journal says, put off by pauses since, or what is decided now. */
  #beginWait(key: StepKey, dueAt: number, shifts: boolean, remember?: () => string): number {
    const begun = this.#begun.get(key)
    if (begun !== undefined) return this.#shifted(begun)
    const value = remember?.()
    this.#starts.push({
      key,
      phase: "start",
      attempt: 0,
      at: this.#now(),
      dueAt,
      shifts,
      ...(value !== undefined && { value }),
    })
    return dueAt
  }

  #shifted({ dueAt = 0, shifts = false, pausedMs }: JournalRow): number {
    return shifts ? dueAt + this.#start.pausedMs - pausedMs : dueAt
  }

  #takeEvents(): void {
    for (let match = this.#events.match(); match !== undefined; match = this.#events.match()) {
      const { waiter, event } = match
      this.#waits.delete(waiter.key)
      const isChild = event.type === childEventType(waiter.key)
      const phase = isChild && !event.payload.startsWith("+") ? "err" : "ok"
      const value = isChild ? event.payload.slice(1) : this.#ports.encodeEvent(event)
      this.#complete(waiter.key, { phase, attempt: 0, value }, { consume: [{ eventSeq: event.seq, key: waiter.key }] })
    }
  }

  // Commits

  #complete(key: StepKey, end: Pick<NewRow, "phase" | "attempt" | "value">, extra: Partial<Change> = {}): void {
    this.#commit({ rows: [{ key, at: this.#now(), ...end }], ...extra }).catch(() => {})
  }

  /** The result of the last step is the instance's: nobody has to be shown the one before the other is written. */
  #succeed({ isLast }: Work, row: NewRow): Promise<void> {
    const { value = "" } = row
    const isAlone = this.#attempts.size === 1 && this.#commits === 0 && this.#waits.size === 0
    const isFree = !this.#isPausing && this.#undoing === undefined && this.#programEnd === undefined
    const fits = this.#stored + value.length <= this.#start.maxStored
    if (!isLast || !isAlone || !isFree || !fits) return this.#commit({ rows: [row] })
    const finish = { status: "complete", value } as const
    return this.#last({ finish }, { kind: "finished", finish }, [row])
  }

  /** Writes rows, after those of waits that began before. Any failure ends the activation: what came of the commit is not known. */
  async #commit(change: Change): Promise<void> {
    const rows = this.#withStarts(change.rows)
    const spawn = this.#spawns
    if (spawn.length > 0) this.#spawns = []
    this.#commits++
    try {
      const ack = await this.#ports.commit({ ...change, rows, ...(spawn.length > 0 && { spawn }) })
      if (ack.isPausing) this.#isPausing = true
      const { pausedMs } = this.#start
      const written = rows.map((row, index) => ({ ...row, seq: ack.firstSeq + index, pausedMs }))
      for (const row of this.#order.acknowledge(ack, written)) this.#onDurable(row)
    } catch (error) {
      this.abandon(error)
      throw error
    } finally {
      this.#commits--
      this.#pump()
    }
  }

  #withStarts(given: readonly NewRow[]): readonly NewRow[] {
    const rows = this.#during.size === 0 ? given : given.map((row) => this.#marked(row))
    if (this.#starts.length === 0) return rows
    const starts = this.#starts
    this.#starts = []
    return [...starts, ...rows]
  }

  #marked(row: NewRow): NewRow {
    const during = isCompletion(row) ? this.#during.get(row.key) : undefined
    return during === undefined ? row : { ...row, during }
  }

  #onDurable(row: JournalRow): void {
    this.#remember(row)
    if (!isCompletion(row)) return
    this.#active.delete(row.key)
    if (isResult(row.key)) this.#deliveryOf(scopeOf(row.key)).push(row)
    const limit = this.#start.maxStored
    if (this.#stored <= limit) return
    this.#fail(this.#ports.encodeFailure("storage-limit", `the instance's results take more than ${limit} bytes`))
  }

  #remember(row: JournalRow): void {
    this.#stored += row.value?.length ?? 0
    const rows = isCompletion(row) ? this.#completed : this.#begun
    rows.set(row.key, row)
    if (!this.#firstSeq.has(row.key)) this.#firstSeq.set(row.key, row.seq)
  }

  // Turns

  /** Hands over what may be handed over, one completion per turn, then sees what is left to do. */
  #pump(): void {
    if (this.#isPumping || this.#isOver || this.#isEnding) return
    this.#isPumping = true
    void this.#takeTurns()
  }

  async #takeTurns(): Promise<void> {
    try {
      let isQuiet = false
      for (let isBusy = true; isBusy && !this.#isOver && !this.#isEnding;) {
        const asks = this.#asks
        const isDelivered = this.#deliverOne()
        if (isDelivered) this.#quietSince = undefined
        isQuiet = await this.#ports.turn()
        isBusy = isDelivered || asks !== this.#asks || this.#canDeliver()
      }
      this.#isPumping = false
      if (isQuiet) this.#recheckMs = firstRecheckMs
      if (!this.#isOver && !this.#isEnding) this.#settle(isQuiet)
    } catch (error) {
      this.abandon(error)
    }
  }

  #canDeliver(): boolean {
    if (this.#isPausing || this.#programEnd !== undefined) return false
    if (this.#root.isReady) return true
    return this.#scopes.size > 0 && [...this.#scopes.values()].some(({ isReady }) => isReady)
  }

  #deliverOne(): boolean {
    if (this.#isPausing || this.#programEnd !== undefined) return false
    if (this.#root.deliver()) return true
    if (this.#scopes.size === 0) return false
    for (const scope of this.#scopes.values()) if (scope.deliver()) return true
    return false
  }

  /** User code has done all it can with what it has. */
  #settle(isQuiet: boolean): void {
    const isAtRest = isQuiet || this.#programEnd !== undefined
    if (!isAtRest) this.#quietSince = undefined
    else this.#quietSince ??= this.#now()
    const expected = this.#root.head
    if (expected === undefined) this.#goLive()
    else if (isQuiet && !this.#isPausing && this.#programEnd === undefined) {
      const isAccounted = this.#isFromInside(expected)
      if (isAccounted === "changed") return this.#pump()
      if (!isAccounted) return this.#drift(expected)
    }
    if (this.#undoing !== undefined && isAtRest && !this.#isPausing) this.#undoNext()
    if (this.#isEnding || this.#isOver) return
    if (this.#programEnd === undefined) this.#takeEvents()
    if (!this.#isPausing) this.#waits.arm()
    if (isAtRest) return this.#leave()
    this.#writeStarts()
    this.#lookAgain()
  }

  /** User code waits for something of its own: a request or a timer outside of a step. */
  #lookAgain(): void {
    this.#cancelRecheck()
    this.#cancelRecheck = this.#ports.clock.at(this.#now() + this.#recheckMs, () => this.#pump())
    this.#recheckMs = Math.min(this.#recheckMs * 2, slowestRecheckMs)
  }

  /** The journal has been replayed: what it does not know begins now. */
  #goLive(): void {
    if (this.#start.isRehearsal === true) return this.#close({ kind: "parked", wakeAt: null })
    this.#isReplaying = false
    const held = this.#held
    this.#held = []
    for (const [key, begin] of held) this.#begin(key, begin)
  }

  /**
   * Guests have one `step` only, and may ask for a step inside of another one's body. In a replay such a body has to run first, although the journal has
   * not been replayed; when its step is complete it never runs again, and nobody asks.
   */
  #isFromInside({ during = [] }: JournalRow): boolean | "changed" {
    const outer = this.#held.filter(([key]) => during.includes(key))
    this.#held = this.#held.filter((held) => !outer.includes(held))
    for (const [key, begin] of outer) this.#begin(key, begin)
    if (outer.length > 0) return "changed"
    // A body whose beginning is being written has not run yet.
    if (this.#commits > 0) return during.length > 0
    if (during.some((key) => this.#completed.has(key))) {
      this.#root.skip()
      return "changed"
    }
    return during.some((key) => this.#active.has(key))
  }

  /** Before a verdict that can't be taken back, code that may do what nobody sees gets some time. */
  #isCertain(): boolean {
    const { patienceMs = 0 } = this.#ports
    if (this.#now() - (this.#quietSince ?? this.#now()) >= patienceMs) return true
    this.#lookAgain()
    return false
  }

  #drift(expected: JournalRow): void {
    if (!this.#isCertain()) return
    const came = this.#held.map(([key]) => describeKey(key))
    const instead = came.length === 0 ? "asked for nothing" : `asked for ${came.slice(0, 5).join(", ")}`
    this.#nondeterminism(`the journal continues with ${describeKey(expected.key)}, but the code ${instead}`)
  }

  #nondeterminism(what: string): void {
    const message = `${what}: it took another way than before, though its steps gave the same results`
    this.#fail(this.#ports.encodeFailure("nondeterminism", message))
  }

  /** Leaves memory when nothing runs and everything left is a matter of time or of others. */
  #leave(): void {
    if (this.#commits > 0 || !this.#attempts.areWaiting) return this.#writeStarts()
    if (this.#isPausing) return this.#park(null, "paused")
    if (this.#attempts.hasQueued || this.#canDeliver()) return this.#writeStarts()
    if (this.#waits.size > 0) return this.#park(this.#waits.earliest, this.#reason())
    if (this.#attempts.size > 0 || !this.#isCertain()) return
    this.#fail(this.#ports.encodeFailure("unsettled", "the code waits for something that can never happen"))
  }

  #writeStarts(): void {
    if (this.#starts.length > 0) this.#commit({ rows: [] }).catch(() => {})
  }

  #park(wakeAt: number | null, reason: WaitReason): void {
    const park = { wakeAt, reason, seenEvent: this.#events.lastSeq }
    this.#last({ park }, { kind: "parked", wakeAt }).catch(() => {})
  }

  #reason(): WaitReason {
    const kinds = new Set([...this.#waits.keys].map((key) => kindOf(key)))
    if (kinds.has("event")) return "event"
    if (kinds.has("child")) return "child"
    return kinds.has("sleep") ? "sleep" : "retry"
  }

  // Ends

  #onProgramEnd(end: Settled): void {
    if (this.#isOver || this.#isEnding) return
    this.#programEnd = end
    if (this.#undoing === undefined) this.#waits.clear()
    this.#attempts.abort("the workflow has ended")
    const missed = this.#root.unasked.find(({ during = [] }) => !during.some((key) => this.#completed.has(key)))
    if (this.#undoing === undefined && missed !== undefined) {
      return this.#nondeterminism(`the journal holds ${describeKey(missed.key)}, but the code ended without it`)
    }
    if (this.#undoing === undefined && end.ok) return this.#finish({ status: "complete", value: end.value })
    if (!end.ok) this.#undoing ??= end.failure
    this.#undoNext()
  }

  /** Ends the instance for a reason of the engine's own; nothing is undone, because what was done is not certain. */
  #fail(failure: string): void {
    const { isTerminating } = this.#start
    this.#finish(isTerminating ? { status: "terminated", failure, rollback: "failed" } : { status: "errored", failure })
  }

  #finish(finish: Finish): void {
    this.#last({ finish }, { kind: "finished", finish }).catch(() => {})
  }

  /** The last commit. What still runs is of no interest any more. */
  async #last(then: NonNullable<Change["then"]>, end: ActivationEnd, rows: readonly NewRow[] = []): Promise<void> {
    if (this.#isEnding || this.#isOver) return
    if (this.#start.isRehearsal === true) return this.#close(end)
    this.#isEnding = true
    await this.#commit({ rows, then })
    this.#close(end)
  }

  // Undoing

  /** Runs the next compensation, or ends the instance when none is left. */
  #undoNext(): void {
    const failure = this.#undoing ?? ""
    const next = nextUndo(this.#compensations, this.#firstSeq, this.#completed)
    if (next.kind !== "undo") return this.#finish(this.#undone(failure, next.kind))
    const isDecided = this.#begun.has(undoingKey)
    const key = isDecided ? next.key : undoingKey
    if (this.#active.has(key)) return
    this.#active.add(key)
    // From then on every replay undoes, whatever its code does.
    if (!isDecided) return this.#writeUndoing(failure)
    const output = this.#completed.get(next.step)
    const about = { failure, ...(output?.phase === "ok" && { output: output.value ?? "" }) }
    const { compensation } = next
    const work: Work = {
      key: next.key,
      config: compensation.config,
      isAnnounced: false,
      isUndoing: true,
      isLast: false,
      run: (attempt) => compensation.run(attempt, about),
    }
    const begun = this.#begun.get(next.key)
    this.#attempts.begin(work, begun, begun === undefined ? 0 : this.#shifted(begun))
  }

  #writeUndoing(failure: string): void {
    const row: NewRow = { key: undoingKey, phase: "start", attempt: 0, at: this.#now(), value: failure }
    this.#commit({ rows: [row] }).catch(() => {})
  }

  #undone(failure: string, end: "complete" | "failed" | "nothing"): Finish {
    const rollback = end === "failed" ? "failed" : "complete"
    if (this.#start.isTerminating) return { status: "terminated", failure, rollback }
    return end === "nothing" ? { status: "errored", failure } : { status: "errored", failure, rollback }
  }
}

/** The end of a child arrives as an event that no caller of `sendEvent` can name. */
export function childEventType(key: StepKey): string {
  return `\u0000${key}`
}

/** Whether a completion is for user code, and at the top. */
function isDelivered(row: JournalRow): boolean {
  return isCompletion(row) && scopeOf(row.key) === "" && isResult(row.key)
}

function isResult(key: StepKey): boolean {
  return kindOf(key) !== "rollback"
}
