import type { Head } from "../wire/frame-channel.ts"
import { Child, noteFd } from "./child.ts"
import type { CallAnswer, LimitKind, PoolOutcome, PoolUsage, Program, RunPort } from "./isolate-pool.ts"
import type { PoolRun } from "./pool-run.ts"
import type { RuntimeFiles } from "./runtime-files.ts"
import type { WarmPace } from "./warm-pace.ts"

export interface HostEvents {
  /** Something changed that may let a waiting run start. */
  onFree(): void
  /** Runs that had not started; they belong back at the front of the queue. */
  onSentBack(runs: readonly PoolRun[]): void
  onReady(host: HostProcess): void
  /** The process is gone. Its innocent runs without effects are in `movable`; all others have been answered. */
  onGone(host: HostProcess, movable: readonly PoolRun[], reason: string): void
}

export interface HostSettings {
  readonly files: RuntimeFiles
  /** Warm isolates of the default size. */
  readonly isolates: number
  readonly memoryMb: number
  readonly pace: WarmPace
}

/** V8 flags of hosts. Without TurboFan a guest meets less of V8's most attacked part; short runs never reach it anyway. */
const flags = ["--no-opt", "--enable-sharedarraybuffer-per-context", "--no-warnings", "--stack-size=900"]

const maxCodeBytes = 96 << 20
const maxPrograms = 256
const maxPendingCalls = 10_000
const maxPendingBytes = 128 << 20
/** Answers that a host has not read yet. It reads at once what it can; only one that is stuck or hostile lets them pile up. */
const maxUntakenBytes = 256 << 20
const tooManyCalls = rangeError("too many pending calls: await some before you start more")
const tooMuchAnswered = rangeError("too many answers at once: await some calls before you start more")
/** Beyond the limit itself: a host that does not enforce it in this time is broken. */
const wallSlackMs = 2_000
/** An innocent run that dies with its host again and again is told so in the end. */
const maxMoves = 3
/** An honest host refuses longer ones itself. */
const maxStoreLength = 32 << 20
const maxLogFrames = 200_000

interface Active {
  readonly run: PoolRun
  /** Milliseconds of `performance.now` at which the host must be done with it; Infinity without a limit. */
  readonly deadline: number
  isParked: boolean
  logFrames: number
  /** Its guest waits for storage. */
  isStoring: boolean
  /** Payloads of calls that are under way. */
  pendingBytes: number
  readonly calls: Map<number, AbortController>
}

/** The supervisor's end of one host process. It trusts nothing that the process says: unknown runs, floods and nonsense get it killed. */
export class HostProcess {
  readonly tenants = new Map<string, number>()
  runsStarted = 0
  idleSince = performance.now()
  isRetiring = false
  readonly #events: HostEvents
  readonly #pace: WarmPace
  readonly #child: Child
  readonly #active = new Map<number, Active>()
  readonly #warm = new Map<string, number>()
  readonly #codes = new Map<string, { id: number; size: number }>()
  #codeBytes = 0
  #nextRun = 0
  #nextCode = 0
  #isReady = false
  #isLong = false
  #unanswered = 0
  #starting = 0

  constructor(settings: HostSettings, events: HostEvents) {
    this.#events = events
    this.#pace = settings.pace
    const { files } = settings
    const argument = JSON.stringify({
      addon: files.addon,
      bundle: files.bundle,
      pool: settings.isolates,
      memoryMb: settings.memoryMb,
      noteFd,
    })
    const program = { node: files.node, flags, script: files.host, argument, reads: [files.addon, files.bundle] }
    this.#child = new Child(
      program,
      { onFrame: (head, parts, buffers) => this.#frame(head, parts, buffers), onExit: (reason) => this.#gone(reason) },
      true,
    )
    this.#child.expectReady(() => this.#isReady)
  }

  get isReady(): boolean {
    return this.#isReady && !this.#child.isGone
  }

  /** A long turn is under way: nothing new should start here. */
  get isLong(): boolean {
    return this.#isLong
  }

  get size(): number {
    return this.#active.size
  }

  /** Runs whose first turn is not over. */
  get starting(): number {
    return this.#starting
  }

  /** Whether runs of another tenant wait in this process. */
  holdsOthers(tenant: string): boolean {
    for (const active of this.#active.values()) {
      if (active.isParked && active.run.request.tenant !== tenant) return true
    }
    return false
  }

  /** Tenants whose runs hold the lane or wait for it. */
  get laneTenants(): Iterable<string> {
    return [...this.#active.values()]
      .filter(({ isParked }) => !isParked || this.#isLong)
      .map(({ run }) => run.request.tenant)
  }

  hold(isHeld: boolean): void {
    this.#child.hold(isHeld)
  }

  start(run: PoolRun): void {
    const code = this.#codeOf(run.request.program)
    const id = ++this.#nextRun
    const { limits, call, input, env, props, keep, entry, method, gives } = run.request
    if (keep !== undefined && call !== "prewarm") this.#countWarm(keep, -1)
    const { memoryMb, cpuMs, wallMs, outputBytes, logBytes } = limits
    const deadline = wallMs === null ? Infinity : performance.now() + wallMs + wallSlackMs
    const alone = keep !== undefined && (run.isAlone || run.moves > 0 || run.handler.hasEffects) ? true : undefined
    this.#active.set(id, {
      run,
      isParked: false,
      logFrames: 0,
      isStoring: false,
      pendingBytes: 0,
      deadline,
      calls: new Map(),
    })
    this.#count(run.request.tenant, 1)
    this.runsStarted++
    this.#starting++
    run.started(this.#port(id))
    this.#child.channel.send(
      {
        t: "run",
        run: id,
        code,
        call,
        memoryMb,
        cpuMs,
        wallMs,
        outputBytes,
        logBytes,
        keep,
        entry,
        method,
        gives,
        alone,
      },
      input,
      env,
      props,
    )
  }

  #port(run: number): RunPort {
    const send = (buffers: readonly ArrayBuffer[], head: Head, ...parts: string[]): void => {
      if (!this.#child.isGone && this.#active.has(run)) this.#child.channel.sendWith(buffers, head, ...parts)
    }
    return {
      invoke: (id, call, args, buffers) => send(buffers, { t: "invoke", run, id }, call, args),
      renew: (id, call, args, buffers) => {
        const active = this.#active.get(run)
        if (active !== undefined) active.logFrames = 0
        send(buffers, { t: "invoke", run, id, renews: true }, call, args)
      },
      release: (target, count) => send([], { t: "release", run, target, count }),
      hold: (isHeld) => this.#active.get(run)?.run.hold(isHeld),
    }
  }

  /** Sends a program once; the host keeps it until told otherwise. */
  #codeOf(program: Program): number {
    const known = this.#codes.get(program.hash)
    if (known !== undefined) {
      this.#codes.delete(program.hash)
      this.#codes.set(program.hash, known)
      return known.id
    }
    const id = ++this.#nextCode
    const size = program.text.length
    this.#codes.set(program.hash, { id, size })
    this.#codeBytes += size
    for (const [hash, old] of this.#codes) {
      if ((this.#codeBytes <= maxCodeBytes && this.#codes.size <= maxPrograms) || old.id === id) break
      this.#codes.delete(hash)
      this.#codeBytes -= old.size
      this.#child.channel.send({ t: "drop", code: old.id })
    }
    this.#child.channel.send({ t: "code", code: id }, program.text)
    return id
  }

  /** Ends a run's isolate; its caller has been answered. */
  abort(run: PoolRun): void {
    for (const [id, active] of this.#active) if (active.run === run) this.#child.channel.send({ t: "abort", run: id })
  }

  ping(): void {
    if (!this.#isReady) return
    if (++this.#unanswered > 5) return this.kill()
    this.#checkDeadlines()
    this.#child.channel.send({ t: "ping" })
  }

  kill(): void {
    this.#child.kill()
  }

  /** Kills the process and waits until it is gone. Runs in it end as aborted. */
  stop(): Promise<void> {
    for (const { run } of this.#active.values()) run.endWithout("aborted")
    return this.#child.stop()
  }

  #frame(head: Head, parts: readonly string[], buffers: readonly ArrayBuffer[]): void {
    this.#unanswered = 0
    switch (head.t) {
      case "ready":
        this.#isReady = true
        return this.#events.onReady(this)
      case "pong":
        return undefined
      case "long":
        return this.#long(head["sentBack"])
      case "undone":
        return this.#undone(head["runs"])
      case "forgot":
        return this.#countWarm(String(head["key"]), -1)
      case "idle":
        this.#isLong = false
        return this.#events.onFree()
      default: {
        const active = this.#active.get(head["run"] as number)
        if (active !== undefined) this.#runFrame(active, head, parts, buffers)
      }
    }
  }

  #runFrame(active: Active, head: Head, parts: readonly string[], buffers: readonly ArrayBuffer[]): void {
    switch (head.t) {
      case "parked":
        if (active.isParked) return
        active.isParked = true
        this.#starting--
        return this.#events.onFree()
      case "logs":
        active.logFrames += parts.length
        if (active.logFrames > maxLogFrames) return this.kill()
        return active.run.handler.onLogs(parts)
      case "logs-cut":
        return active.run.handler.onLogsCut()
      case "call":
        return this.#call(active, head, parts[0] ?? "", buffers)
      case "reply":
        return active.run.handler.onReply(head["id"] as number, parts[0] ?? "-{}", buffers)
      case "response":
        return active.run.handler.onEarly(numberOf(head["stream"]), parts[0] ?? "", usageOf(head))
      case "release":
        return active.run.handler.onRelease(numberOf(head["target"]), numberOf(head["count"]))
      case "store":
        return this.#store(active, head, parts[0] ?? "")
      case "cancel-call":
        return active.calls.get(head["id"] as number)?.abort()
      case "done":
        return this.#done(active, head, parts[0] ?? "")
    }
  }

  #long(sentBack: unknown): void {
    this.#isLong = true
    this.#takeBack(sentBack, false)
  }

  /** A turn that several runs shared went wrong, and none of it was seen. */
  #undone(ids: unknown): void {
    this.#takeBack(ids, true)
    this.#events.onFree()
  }

  #takeBack(sentBack: unknown, isAlone: boolean): void {
    const runs: PoolRun[] = []
    for (const id of Array.isArray(sentBack) ? sentBack : []) {
      const active = this.#active.get(id as number)
      if (active === undefined) continue
      this.#remove(id as number, active)
      if (active.run.isOver) continue
      // Only a process that lies sends back what has had effects already.
      if (active.run.handler.hasEffects) active.run.crashed("the run was sent back after it had started", true)
      else {
        active.run.isAlone ||= isAlone
        runs.push(active.run)
      }
    }
    this.#events.onSentBack(runs)
  }

  #call(active: Active, head: Head, payload: string, buffers: readonly ArrayBuffer[]): void {
    const id = head["id"] as number
    if (active.run.isOver || active.calls.has(id)) return
    const size = buffers.reduce((sum, { byteLength }) => sum + byteLength, payload.length)
    if (active.calls.size >= maxPendingCalls || active.pendingBytes + size > maxPendingBytes) {
      return this.#child.channel.send({ t: "answer", run: head["run"], id, ok: false }, tooManyCalls)
    }
    active.pendingBytes += size
    const abort = new AbortController()
    active.calls.set(id, abort)
    const signal = AbortSignal.any([abort.signal, active.run.callSignal])
    const run = head["run"]
    const operation = head["op"] === "F" ? "fetch" : "call"
    // A handler never rejects; if one does all the same, the guest gets an answer and the supervisor lives.
    const answered = active.run.handler.onCall(operation, payload, signal, buffers).catch(() => failedCall)
    void answered.then((answer) => {
      active.calls.delete(id)
      active.pendingBytes -= size
      if (this.#child.isGone || active.run.isOver) return
      const { ok } = answer
      if (!ok && answer.endsAtRequests !== undefined) {
        return this.#child.channel.send({ t: "end", run, limit: "requests", used: answer.endsAtRequests })
      }
      if (!ok && answer.endsAtCalls !== undefined) {
        return this.#child.channel.send({ t: "end", run, limit: "calls", used: answer.endsAtCalls })
      }
      this.#answer({ t: "answer", run, id, ok }, answer)
    })
  }

  /** A guest that asks for more than its process takes gets no more of it: what is not taken is in this process's memory. */
  #answer(head: Head, answer: CallAnswer): void {
    const { channel } = this.#child
    if (!answer.ok) return channel.send(head, JSON.stringify(answer))
    if (channel.pendingBytes > maxUntakenBytes) return channel.send({ ...head, ok: false }, tooMuchAnswered)
    channel.sendWith(answer.buffers ?? [], head, answer.text)
  }

  /** A guest has one thread, so it waits for one thing. Whoever asks for more, or has no storage, is no guest of ours. */
  #store(active: Active, head: Head, payload: string): void {
    const { run } = active
    if (run.isOver) return
    const isNonsense = active.isStoring || payload.length > maxStoreLength
    if (isNonsense || run.handler.onStore === undefined) return this.kill()
    active.isStoring = true
    const kind = head["kind"] === "commit" ? "commit" : "call"
    void run.handler.onStore(kind, payload).then(({ text, isDirty, cpuMs }) => {
      active.isStoring = false
      if (this.#child.isGone || run.isOver) return
      this.#child.channel.send({ t: "stored", run: head["run"], dirty: isDirty, ms: cpuMs }, text)
      this.#child.channel.flush()
    })
  }

  /** Warm guests that wait here for a run with this key. A hint: the host may have let go of them. */
  warmFor(key: string): number {
    return this.#warm.get(key) ?? 0
  }

  #countWarm(key: string, by: number): void {
    const count = (this.#warm.get(key) ?? 0) + by
    if (count > 0) this.#warm.set(key, count)
    else this.#warm.delete(key)
  }

  #done(active: Active, head: Head, text: string): void {
    const { keep } = active.run.request
    if (keep !== undefined) {
      if (head["kept"] === true) this.#countWarm(keep, 1)
      this.#pace.note(keep, numberOf(head["cpuMs"]))
    }
    this.#remove(head["run"] as number, active)
    if (active.run.isOver) active.run.handler.onLateUsage?.(usageOf(head))
    const { outputBytes } = active.run.request.limits
    const isTooLarge = text.length > Math.max(outputBytes, maxFailureLength) + 1
    active.run.end(outcomeOf(head, isTooLarge ? undefined : text))
    this.#events.onFree()
  }

  #remove(id: number, active: Active): void {
    if (!active.isParked) this.#starting--
    this.#active.delete(id)
    this.#count(active.run.request.tenant, -1)
    if (this.#active.size === 0) this.idleSince = performance.now()
  }

  #count(tenant: string, by: number): void {
    const count = (this.tenants.get(tenant) ?? 0) + by
    if (count <= 0) this.tenants.delete(tenant)
    else this.tenants.set(tenant, count)
  }

  /** The host should have ended this run long ago. Its caller gets an answer, and the process goes. */
  #checkDeadlines(): void {
    const now = performance.now()
    for (const { run, deadline } of this.#active.values()) {
      if (now <= deadline) continue
      run.endWithout("wall", (run.request.limits.wallMs ?? 0) + wallSlackMs)
      this.kill()
    }
  }

  #gone(reason: string): void {
    this.#isReady = false
    const noted = Number(this.#child.readNote())
    const movable: PoolRun[] = []
    for (const [id, active] of this.#active) {
      const { run } = active
      if (run.isOver) continue
      const isSuspect = id === noted
      if (isSuspect && isOutOfMemory(reason)) run.endWithout("memory", run.request.limits.memoryMb * 1_048_576)
      else if (!isSuspect && !run.handler.hasEffects && run.moves < maxMoves) movable.push(run)
      else run.crashed(reason, isSuspect)
    }
    this.#active.clear()
    this.#starting = 0
    this.tenants.clear()
    for (const run of movable) run.moves++
    this.#events.onGone(this, movable, reason)
  }
}

/** V8's last words when it dies for lack of memory or of room in a size field, in all their variants. */
function isOutOfMemory(reason: string): boolean {
  return /out of memory|invalid (?:size|array|table)|allocation failed|invalid string length|Check failed: .*size/i.test(
    reason,
  )
}

/** A failure is cut inside the isolate; an honest one is far shorter. */
const maxFailureLength = 1 << 20

/** `text` is undefined when there was more of it than the host may send. */
function outcomeOf(head: Head, text: string | undefined): PoolOutcome {
  const usage = usageOf(head)
  const { kind, limit } = head
  if ((kind === "result" || kind === "failure") && text !== undefined) return { ...usage, kind, text }
  if (kind === "limit" && isLimitKind(limit)) return { ...usage, kind, limit, used: numberOf(head["used"]) }
  if (kind === "unsettled") return { ...usage, kind }
  return { ...usage, kind: "crashed", reason: "the host process gave an answer that makes no sense", isSuspect: true }
}

function usageOf(head: Head): PoolUsage {
  return {
    cpuMs: numberOf(head["cpuMs"]),
    wallMs: numberOf(head["wallMs"]),
    peakMemoryBytes: numberOf(head["peakBytes"]),
  }
}

const failedCall: CallAnswer = { ok: false, name: "Error", message: "the call failed" }

const limitKinds: readonly unknown[] = ["cpu", "memory", "wall", "log", "output", "requests", "calls"]

function isLimitKind(value: unknown): value is LimitKind {
  return limitKinds.includes(value)
}

function numberOf(value: unknown): number {
  return typeof value === "number" && Number.isFinite(value) && value >= 0 ? value : 0
}

function rangeError(message: string): string {
  return JSON.stringify({ name: "RangeError", message })
}
