import ivm from "isolated-vm"
import type { CompiledProgram } from "../compile/program.ts"
import type { GuestFailure } from "../guest/guest-error.ts"
import type { Gives, GuestJob } from "../guest/job.ts"
import type { LimitKind } from "../pool/isolate-pool.ts"
import type { LaneMember } from "./lane.ts"
import type { Guest } from "./guest.ts"
import type { ModuleGraph } from "./module-graph.ts"
import { type OutboxEntry, readOutbox } from "./outbox-reader.ts"
import { StorageTurns, type StoreAnswer, type StoreRequest } from "./storage-turns.ts"
import { TimerQueue } from "./timer-queue.ts"
import type { IsolateEvents, WarmIsolate } from "./warm-isolate.ts"

/** What the supervisor asks for. */
export interface RunOrder {
  readonly run: number
  readonly call: "run" | "fetch" | "prewarm" | "object"
  readonly entry?: string
  readonly method?: string
  /** Keep the guest afterwards, for the next run with this key. */
  readonly keep?: string
  /** Shares no turn with other runs: it was in one that went wrong, or could not be begun again elsewhere. */
  readonly alone?: true
  readonly memoryMb: number
  readonly cpuMs: number | null
  readonly wallMs: number | null
  readonly outputBytes: number
  readonly logBytes: number
  readonly gives?: Gives
}

export interface RunTexts {
  readonly input: string
  readonly env: string
  readonly props: string
}

/** How a run ended. `text` is the encoded result or a GuestFailure as JSON. */
export type Ending =
  | { readonly kind: "result" | "failure"; readonly text: string }
  | { readonly kind: "limit"; readonly limit: LimitKind; readonly used: number }
  | { readonly kind: "unsettled" }

export interface RunEvents {
  /** The run wants a turn; `enter` is guest code. */
  onTurn(run: GuestRun, enter: () => Promise<unknown>, isStart: boolean): void
  onLogs(run: GuestRun, lines: readonly string[]): void
  onLogsCut(run: GuestRun): void
  onCall(run: GuestRun, op: "F" | "B", id: number, payload: string, buffers: readonly ArrayBuffer[]): void
  onCancel(run: GuestRun, id: number): void
  onReply(run: GuestRun, id: number, text: string, buffers: readonly ArrayBuffer[]): void
  onResponse(run: GuestRun, stream: number, head: string): void
  onRelease(run: GuestRun, target: number, count: number): void
  onSubtle(run: GuestRun, id: number, payload: string): void
  /** The guest's thread waits for storage. */
  onStore(run: GuestRun, request: StoreRequest): void
  /** Storage has answered: `enter` goes on with the turn that waited. */
  onResume(run: GuestRun, enter: () => Promise<unknown>): void
  onParked(run: GuestRun): void
  onEnd(run: GuestRun, ending: Ending): void
  onCatastrophe(run: GuestRun): void
}

const mebibyte = 1_048_576
/** The process may grow by this much more than the limit before the run is blamed: pages of the pool, fragmentation, garbage in flight. */
const memorySlack = 48 * mebibyte
const memoryFactor = 1.25
/** The run ends when unhandled rejections alone make this many times its `logBytes`. */
const logFloodFactor = 16

/** One run in one isolate: its turns, timers, operations and limits. Ends exactly once. */
export class GuestRun implements LaneMember {
  readonly order: RunOrder
  readonly startedAt = performance.now()
  /** Whether its turn is shared with other runs, to which the isolate then belongs as well. */
  isBoarded = false
  /** Its part of a shared turn's time, when it ended in that. */
  sharedMs: number | undefined
  cpuMs = 0
  residentBytes = 0
  peakBytes = 0
  readonly guest: Guest
  readonly #warm: WarmIsolate
  readonly #program: CompiledProgram
  readonly #events: RunEvents
  readonly #graph: ModuleGraph
  readonly #timers: TimerQueue
  readonly #pending = new Set<number>()
  readonly #storage: StorageTurns
  /** CPU used when the object was last called: each call may use `cpuMs` anew, as at Cloudflare. */
  #cpuBase = 0
  #wallTimer: NodeJS.Timeout | undefined
  #isOver = false
  /** Its caller holds something that it gave: more calls may come. */
  #isOpen = false
  #hasTimerTurn = false
  #isCalled = false
  #rejectionBytes = 0
  #turnEnd = 0
  /** Turns that wait for the lane. */
  #queuedTurns = 0
  /** Answers that wait for their turn, and how much they hold. */
  #answers: Answer[] = []
  #answerBytes = 0
  #prefix: string

  constructor(order: RunOrder, guest: Guest, events: RunEvents) {
    this.order = order
    this.guest = guest
    this.#warm = guest.warm
    this.#program = guest.program
    this.#events = events
    this.#prefix = guest.program.prefix
    this.#graph = guest.graph
    this.#timers = new TimerQueue(() => this.#timerTurn())
    this.#storage = new StorageTurns((request) => this.#store(request))
  }

  get isOver(): boolean {
    return this.#isOver
  }

  get isPaused(): boolean {
    return this.#storage.isWaiting
  }

  get cpuLeftMs(): number {
    return this.order.cpuMs === null ? Infinity : this.order.cpuMs - this.#cpuUsedMs
  }

  get #cpuUsedMs(): number {
    return this.cpuMs - this.#cpuBase
  }

  /** Guest code as the lane runs it: an object's turn is over when it ends, or waits for storage. */
  entered(enter: () => Promise<unknown>): Promise<unknown> {
    return this.order.call === "object" ? this.#storage.enter(enter) : enter()
  }

  get wallMs(): number {
    return this.sharedMs ?? performance.now() - this.startedAt
  }

  /** Hands texts to the isolate and runs the program's first turn. The lane must be this run's. */
  async start(texts: RunTexts): Promise<void> {
    if (this.guest.isEvaluated) {
      this.takeOver()
      await this.call("again", texts)
      return
    }
    const { modules: _modules, names: _names, chunks: _chunks, ...program } = this.#program
    const job: Omit<GuestJob, "input" | "env"> = { ...this.order, ...program, props: texts.props }
    const chunks = neededFor(this.order, texts, this.#program.chunks)
    this.#warm.assign(this.#isolateEvents(), chunks, JSON.stringify(job), texts.input, texts.env)
    const main = await this.#graph.main()
    await main.evaluate()
  }

  /** From now on what the isolate says at once is this run's. */
  takeOver(): void {
    this.#isCalled = true
    this.#warm.reassign(this.#isolateEvents())
  }

  #isolateEvents(): IsolateEvents {
    const events = { onLine: (line: string) => this.#line(line), onCatastrophe: () => this.#catastrophe() }
    return this.order.call === "object" ? { ...events, onStore: (payload) => this.#storage.wait(payload) } : events
  }

  /** Calls a program that is evaluated already. */
  call(op: "again" | "first" | "next", texts: RunTexts): Promise<unknown> {
    const { call, entry, method, gives, outputBytes, logBytes } = this.order
    const { shape } = this.#program
    const { props } = texts
    const job = { call, entry, method, gives, shape, props, outputBytes, logBytes, imports: noNames, metas: noNames }
    return this.#warm.dispatch.apply(undefined, [op, JSON.stringify(job), texts.input, texts.env])
  }

  /** After a turn: limits, then what the guest left. `error` is what the turn rejected with. */
  settle(error: unknown): void {
    if (this.#isOver) return
    this.#peak(this.residentBytes)
    if (this.cpuLeftMs < 0) return this.end({ kind: "limit", limit: "cpu", used: this.#cpuUsedMs })
    if (this.#storage.goesOn(error)) return
    if (this.#warm.isolate.isDisposed) return this.#memoryOver(this.order.memoryMb * mebibyte)
    this.#drain()
    if (this.#isOver) return
    if (error !== undefined) this.#turnFailed(error)
    if (!this.#isOver) this.#park()
  }

  /** What the isolate left of this run, in a turn that it shared. */
  receive(entry: OutboxEntry): void {
    if (!this.#isOver) this.#operation(entry, this.#takeBuffers(entry.buffers))
  }

  /** The run ended in a turn that it shared. */
  receiveOutcome(text: string): void {
    if (this.#isOver) return
    if (text.startsWith("=")) this.#result(text.slice(1))
    else this.end({ kind: "failure", text: text.slice(1) })
  }

  /** A shared turn is over, and this run is not. The isolate is its own from now on. `settled` is what its part of the turn came to. */
  goOn(settled: PromiseSettledResult<unknown> | undefined): void {
    this.takeOver()
    if (settled?.status === "rejected") this.#turnFailed(settled.reason)
    if (!this.#isOver) this.#park()
  }

  #turnFailed(error: unknown): void {
    // Only the evaluation of the program's modules can fail the run; any later rejection is one that nobody handled.
    if (!this.#isCalled) this.end({ kind: "failure", text: JSON.stringify(evaluationFailure(error)) })
    else this.#logRejection(`Unhandled rejection: ${describe(error)}`)
  }

  /** A line of the host's own making; it counts like the guest's. */
  #logRejection(message: string): void {
    const { logBytes } = this.order
    const before = this.#rejectionBytes
    this.#rejectionBytes += message.length
    if (this.#rejectionBytes <= logBytes) this.#events.onLogs(this, [`4 0 ${Date.now()} ${message}`])
    else if (before <= logBytes) this.#events.onLogsCut(this)
    if (this.#rejectionBytes > logBytes * logFloodFactor)
      this.end({ kind: "limit", limit: "log", used: this.#rejectionBytes })
  }

  #park(): void {
    const { wallMs } = this.order
    // Until here the lane has watched the clock; most runs never wait.
    if (wallMs !== null && this.#wallTimer === undefined) this.#waitForWall(wallMs)
    this.#timers.arm()
    const isWaiting = this.#isOpen || this.#timers.size > 0 || this.#pending.size > 0 || this.#queuedTurns > 0
    const canBeCalled = this.order.call === "object"
    if (!isWaiting && !canBeCalled && this.order.wallMs === null) return this.end({ kind: "unsettled" })
    this.#events.onParked(this)
  }

  /** Takes everything that the guest left. Runs on the main thread, so it calls nothing that a guest can change. */
  #drain(): void {
    for (let text = this.#take(); text !== "" && !this.#isOver; text = this.#take()) {
      if (text.startsWith("=")) return this.#result(text.slice(1))
      if (text.startsWith("-")) return this.end({ kind: "failure", text: text.slice(1) })
      this.#operations(text)
    }
  }

  #take(): string {
    try {
      const text: unknown = this.#warm.dispatch.applySync(undefined, ["drain"])
      return typeof text === "string" ? text : ""
    } catch {
      // Disposed by its memory limit between two turns.
      this.#memoryOver(this.order.memoryMb * mebibyte)
      return ""
    }
  }

  #result(text: string): void {
    const { outputBytes } = this.order
    // The first character only says how the rest is encoded. Most texts are so short that counting their bytes is needless.
    const bytes = (text.length - 1) * 3 <= outputBytes ? text.length - 1 : Buffer.byteLength(text) - 1
    if (bytes > outputBytes) return this.end({ kind: "limit", limit: "output", used: bytes })
    this.end({ kind: "result", text })
  }

  #operations(text: string): void {
    const lines: string[] = []
    this.#turnEnd = performance.now()
    for (const entry of readOutbox(text)) {
      if (entry.op === "L") lines.push(`${entry.id} ${entry.payload}`)
      else this.#operation(entry, entry.buffers === 0 ? noBuffers : this.#takeBuffers(entry.buffers))
    }
    if (lines.length > 0) this.#events.onLogs(this, lines)
  }

  /** Copies in one go, between turns. The isolate's own memory is not taken over: its allocator dies with the isolate. */
  #takeBuffers(count: number): readonly ArrayBuffer[] {
    const buffers: ArrayBuffer[] = []
    for (let index = 0; index < count; index++) {
      const buffer: unknown = this.#warm.dispatch.applySync(undefined, ["buffer"], { result: { copy: true } })
      if (!(buffer instanceof ArrayBuffer)) throw new Error("malformed outbox")
      buffers.push(buffer)
    }
    return buffers
  }

  #operation({ op, id, payload }: OutboxEntry, buffers: readonly ArrayBuffer[]): void {
    switch (op) {
      case "G":
        this.#isCalled = true
        this.guest.isEvaluated = true
        return
      case "T":
        return this.#timers.add(id, Number(payload) || 0, this.#turnEnd)
      case "C":
        return this.#timers.remove(id)
      case "X":
        this.#pending.delete(id)
        return this.#events.onCancel(this, id)
      case "S":
        this.#pending.add(id)
        return this.#events.onSubtle(this, id, payload)
      case "F":
      case "B":
        this.#pending.add(id)
        return this.#events.onCall(this, op, id, payload, buffers)
      case "I":
        this.#pending.add(id)
        return this.#dynamicImport(id, payload)
      case "A":
        return this.#events.onReply(this, id, payload, buffers)
      case "K":
        return this.#events.onLogsCut(this)
      case "R":
        this.#isOpen = true
        return this.#events.onResponse(this, id, payload)
      case "D":
        return this.#events.onRelease(this, id, Number(payload) || 0)
      // Runs that share a turn are told apart before their operations come here.
      case "E":
      case "L":
    }
  }

  /** The answer to operation `id`, when it is still wanted. Answers that come while others wait for the lane share their turn. */
  answer(id: number, ok: boolean, text: string, buffers: readonly ArrayBuffer[] = noBuffers): void {
    if (this.#isOver || !this.#pending.delete(id)) return
    this.#answers.push({ head: `${id} ${ok ? "+" : "-"} ${text.length} ${buffers.length}`, text, buffers })
    this.#answerBytes += text.length + bytesOf(buffers)
    if (this.#answers.length === 1) this.#turn(() => this.#deliver())
    // What waits for the lane is in this process's memory and not yet in the isolate's, but it is the run's all the same.
    if (this.#answerBytes > this.order.memoryMb * mebibyte) this.#memoryOver(this.#answerBytes)
  }

  #deliver(): Promise<unknown> {
    const answers = this.#answers.splice(0, this.#deliverable())
    if (this.#answers.length > 0) this.#turn(() => this.#deliver())
    for (const { text, buffers } of answers) this.#answerBytes -= text.length + bytesOf(buffers)
    const heads = answers.map(({ head }) => head).join("\n")
    const texts = answers.length === 1 ? (answers[0] as Answer).text : answers.map(({ text }) => text).join("")
    const buffers = answers.flatMap((answer) => answer.buffers)
    return this.#warm.dispatch.apply(undefined, ["answers", heads, texts, undefined, ...moved(buffers)])
  }

  /** How many answers go into one call: each buffer is an argument of it, and arguments take stack. */
  #deliverable(): number {
    let buffers = 0
    const over = this.#answers.findIndex((answer) => (buffers += answer.buffers.length) > maxDelivered)
    return over === -1 ? this.#answers.length : Math.max(1, over)
  }

  /** The supervisor calls a function of the program. `renews`: it is a call to the object, which may use its limits anew. */
  invoke(id: number, call: string, args: string, buffers: readonly ArrayBuffer[], renews: boolean): void {
    if (this.#isOver) return
    this.#turn(() => {
      if (renews) this.#renew()
      return this.#warm.dispatch.apply(undefined, ["invoke", id, call, args, ...moved(buffers)])
    })
  }

  /** An object lives long: what it used for earlier calls is paid. Between turns, as it asks for the heap's size. */
  #renew(): void {
    this.#cpuBase = this.cpuMs
    this.#rejectionBytes = 0
    this.#warm.renewQuestions()
    try {
      const heap = this.#warm.isolate.getHeapStatisticsSync()
      this.residentBytes = Math.min(this.residentBytes, heap.used_heap_size + heap.externally_allocated_size)
    } catch {
      // Disposed: the turn finds out.
    }
  }

  #store(request: StoreRequest): void {
    this.#events.onStore(this, request)
    // What waits for storage is no newcomer any more.
    this.#events.onParked(this)
  }

  /** Storage has answered. Its CPU counts as the run's. */
  stored(answer: StoreAnswer, cpuMs: number): void {
    if (this.#isOver || !this.isPaused) return
    this.cpuMs += cpuMs
    this.#events.onResume(this, () => this.#storage.resume(answer))
  }

  /** The supervisor lets go of a function of the program. */
  released(target: number, count: number): void {
    if (!this.#isOver) this.#turn(() => this.#warm.dispatch.apply(undefined, ["release", target, count]))
  }

  #turn(enter: () => Promise<unknown>): void {
    this.#queuedTurns++
    const counted = (): Promise<unknown> => {
      this.#queuedTurns--
      return enter()
    }
    this.#events.onTurn(this, counted, false)
  }

  #timerTurn(): void {
    if (this.#isOver || this.#hasTimerTurn) return
    this.#hasTimerTurn = true
    this.#turn(async () => {
      this.#hasTimerTurn = false
      const id = this.#timers.take()
      if (id !== undefined) await this.#warm.dispatch.apply(undefined, ["timer", id])
    })
  }

  #dynamicImport(id: number, payload: string): void {
    const [referrer = "", specifier = ""] = payload.split("\n", 2)
    const name = this.#graph.resolve(specifier, referrer)
    if (name === undefined) {
      const message = `Cannot find module '${specifier}' imported from '${referrer}'`
      return this.answer(id, false, JSON.stringify({ name: "Error", message, code: "ERR_MODULE_NOT_FOUND" }))
    }
    this.#turn(() => this.#import(id, name))
  }

  async #import(id: number, name: string): Promise<void> {
    try {
      const callback = `${this.#prefix}_import${id}`
      await this.#warm.dispatch.apply(undefined, ["importing", id, callback])
      const importer = await this.#graph.importer(name, callback)
      this.#pending.delete(id)
      await importer.evaluate()
    } catch (error) {
      if (this.#isOver) return
      this.#pending.add(id)
      this.answer(id, false, JSON.stringify(errorText(error)))
    }
  }

  /** Timers drop fractions and count from when the loop last looked at the clock: one that comes early waits for the rest. */
  #waitForWall(wallMs: number): void {
    const look = (): void => {
      if (performance.now() - this.startedAt < wallMs) this.#waitForWall(wallMs)
      else this.#wallOver(wallMs)
    }
    const left = Math.ceil(wallMs - (performance.now() - this.startedAt))
    this.#wallTimer = setTimeout(look, Math.max(0, Math.min(left, 2_147_483_647)))
  }

  /** Called by the lane while a turn is under way. */
  watch(growth: number): void {
    const bytes = this.residentBytes + growth
    this.#peak(bytes)
    const { wallMs } = this.order
    if (this.cpuLeftMs < 0) this.end({ kind: "limit", limit: "cpu", used: this.#cpuUsedMs })
    else if (wallMs !== null && this.wallMs > wallMs) this.#wallOver(wallMs)
    else if (bytes > this.order.memoryMb * mebibyte * memoryFactor + memorySlack) this.#memoryOver(bytes)
  }

  #peak(bytes: number): void {
    if (bytes > this.peakBytes) this.peakBytes = bytes
  }

  #wallOver(wallMs: number): void {
    this.end({ kind: "limit", limit: "wall", used: Math.max(wallMs, this.wallMs) })
  }

  #memoryOver(used: number): void {
    this.end({ kind: "limit", limit: "memory", used: Math.max(used, this.peakBytes) })
  }

  #catastrophe(): void {
    this.#memoryOver(this.order.memoryMb * mebibyte)
    this.#events.onCatastrophe(this)
  }

  #line(line: string): void {
    if (this.#isOver) return
    if (line.startsWith("~")) this.#events.onLogsCut(this)
    else if (line.startsWith("!")) this.end({ kind: "limit", limit: "log", used: Number(line.slice(1)) })
    else this.#events.onLogs(this, [line])
  }

  /** Ends the run; later calls do nothing. The isolate is disposed by whoever is told. */
  end(ending: Ending): void {
    if (this.#isOver) return
    this.#isOver = true
    clearTimeout(this.#wallTimer)
    this.#timers.clear()
    this.#peakHeap(ending)
    this.#events.onEnd(this, ending)
  }

  /** Not while a turn is under way: the heap's numbers are the isolate's thread's. */
  #peakHeap(ending: Ending): void {
    if (this.isBoarded || (ending.kind !== "result" && ending.kind !== "failure")) return
    try {
      const heap = this.#warm.isolate.getHeapStatisticsSync()
      this.guest.heapBytes = heap.used_heap_size + heap.externally_allocated_size
      this.#peak(this.guest.heapBytes)
    } catch {
      // Disposed already.
    }
  }

  dispose(): void {
    this.guest.dispose()
  }
}

interface Answer {
  readonly head: string
  readonly text: string
  readonly buffers: readonly ArrayBuffer[]
}

const maxDelivered = 1_000
const noNames: readonly never[] = []
const noBuffers: readonly ArrayBuffer[] = []

function bytesOf(buffers: readonly ArrayBuffer[]): number {
  return buffers.reduce((sum, { byteLength }) => sum + byteLength, 0)
}

/** Hands buffers over to the isolate without a copy; from then on they count as its memory. */
function moved(buffers: readonly ArrayBuffer[]): unknown[] {
  return buffers.map((buffer) =>
    new ivm.ExternalCopy(buffer, { transferOut: true }).copyInto({ transferIn: true, release: true }),
  )
}

/** The program's chunks, and those that what it gets and gives will need. A miss costs time only. */
function neededFor(
  { call, entry }: RunOrder,
  texts: RunTexts,
  chunks: CompiledProgram["chunks"],
): CompiledProgram["chunks"] {
  const isRich = call === "fetch" || entry !== undefined || !texts.input.startsWith("j") || !texts.env.startsWith("j")
  if (!isRich) return chunks
  const own = call === "fetch" ? (["base", "url", "fetch"] as const) : call === "object" ? (["objects"] as const) : []
  return [...new Set([...chunks, "rich" as const, ...own])]
}

function errorText(error: unknown): { name: string; message: string; stack?: string } {
  const { name, message } = error as { name?: unknown; message?: unknown }
  const told = {
    name: typeof name === "string" ? name : "Error",
    message: typeof message === "string" ? message : String(error),
  }
  return error instanceof Error ? { ...told, stack: ownStack(error) } : told
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  // isolated-vm's words for what is no Error; they would only confuse.
  return error.message.includes("isolated-vm") ? "something that is no Error" : ownStack(error)
}

/** isolated-vm appends this process's own frames behind the guest's. */
function ownStack(error: Error): string {
  return (error.stack ?? error.message).split("\n    at (<isolated-vm boundary>)")[0] ?? error.message
}

/** The program's top level threw. isolated-vm has copied name, message and stack out of the isolate. */
function evaluationFailure(error: unknown): GuestFailure {
  if (!(error instanceof Error) || error.message.includes("within isolated-vm")) {
    const message = error instanceof Error ? "something that is no Error" : String(error)
    return { kind: "threw", name: "", message: message.slice(0, 16_384), stack: "", thrown: "non-error" }
  }
  const isAllocation = error instanceof RangeError && error.message.startsWith("Array buffer allocation failed")
  return {
    kind: isAllocation ? "memory-limit" : "threw",
    name: String(error.name),
    message: String(error.message).slice(0, 16_384),
    stack: ownStack(error).slice(0, 16_384),
  }
}
