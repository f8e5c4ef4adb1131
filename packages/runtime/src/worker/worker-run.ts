import { randomUUID } from "node:crypto"
import {
  type Limits,
  MayflyError,
  parseLimits,
  type Span,
  startSpan,
  tell,
  type Run,
  type RunOptions,
} from "@mayfly/protocol"
import { CloneError, CloneTooLargeError, encodeValue } from "@mayfly/protocol/clone"
import type { Egress } from "../egress.ts"
import type { Compiled } from "../pool/compiler-pool.ts"
import type { PoolOutcome, PoolRequest, PoolUsage } from "../pool/isolate-pool.ts"
import type { AskedRun, RunPass, RunTraces } from "../run-gate.ts"
import type { Runtime } from "../runtime.ts"
import type { WorkerCache } from "../cache/worker-cache.ts"
import type { EnvBindings } from "./env-bindings.ts"
import type { Gives } from "../guest/job.ts"
import { type HandlerAnswer, streamedAnswer } from "./fetch-run.ts"
import { excerpt } from "./excerpt.ts"
import type { GuestStack } from "./guest-stack.ts"
import { GuestValues } from "./guest-values.ts"
import { type OpenRun, stubExpired } from "./open-runs.ts"
import { because, limitError, runError } from "./run-error.ts"
import { RunRecord, type RunWatcher } from "./run-record.ts"
import type { RunSession } from "./run-session.ts"
import { type Resolvers, withResolvers } from "./with-resolvers.ts"
import type { ParsedWorkerOptions } from "./worker-options.ts"

/** What all runs of a worker share. */
export interface WorkerParts {
  readonly runtime: Runtime
  readonly options: ParsedWorkerOptions
  readonly compiled: Compiled
  readonly env: EnvBindings
  readonly stack: GuestStack
  /** What its runs keep with the Cache API. */
  readonly cache: WorkerCache
  /** A workflow's script. */
  readonly isScript?: boolean
  /** Names the worker among all of this process: warm isolates are kept by it. */
  readonly key: string
}

export interface RunHooks {
  /** Turns the encoded result into what the caller gets. May throw a MayflyError: the run has failed then. */
  decode(text: string, session: RunSession): unknown
  readonly watcher?: RunWatcher
  /** The export and method that are called; without them the program's shape decides. */
  readonly entry?: string
  readonly method?: string
  /** What the result may be made of. Default: as `stubs` of the run's options says. */
  readonly gives?: Gives
  /** Performs the guest's requests instead of the runtime's way out. */
  readonly egress?: Egress
  /** A handler's streamed response, before the run's end. */
  onAnswer?(answer: HandlerAnswer): void
  /** The program gives its values one by one, before the run's end. */
  onValues?(values: GuestValues): void
  /** The run is over, and its usage complete: later than the answer when the caller holds stubs, or has cancelled it. */
  onEnd?(run: Run): void
}

const maxInputBytes = 64 << 20
const runOptionNames = ["signal", "limits", "props", "reuse", "stubs"]
/** How long a run that knows that it is cancelled may clean up. */
const cleanupMs = 1_000
/** How long before its wall limit a run is told, at most; and which share of the limit at most. */
const maxNoticeMs = 1_000
const noticeShare = 0.1
const unused = { cpuMs: 0, wallMs: 0, peakMemoryBytes: 0 }

/**
 * Runs a worker once. Never rejects for what the guest did; rejects for what the caller did: `input.invalid`, `worker.not-serializable` with the
 * path, `worker.queue-full`, `platform.*`.
 */
export async function runWorker(
  parts: WorkerParts,
  call: PoolRequest["call"],
  argument: unknown,
  options: RunOptions,
  hooks: RunHooks,
): Promise<Run> {
  checkRunOptions(options)
  const run = new WorkerRun(parts, options, hooks)
  return run.execute(call, argument)
}

class WorkerRun implements OpenRun, AskedRun {
  readonly tenant: string
  readonly id = `run_${randomUUID().replaceAll("-", "")}`
  readonly hash: string
  readonly name: string | undefined
  readonly signal: AbortSignal | undefined
  readonly isScript: boolean
  call: PoolRequest["call"] = "run"
  readonly #parts: WorkerParts
  readonly #options: RunOptions
  readonly #hooks: RunHooks
  #limits: Limits
  /** How the run stands with the runtime's gate, once it was let in. */
  #pass: RunPass | undefined
  readonly #gives: Gives
  readonly #record: RunRecord
  /** Gone when the caller has its answer: what it was given must not be held here, or its stubs could never be collected. */
  #answer: Omit<Resolvers<Run>, "promise"> | undefined
  /** Takes the isolate away. */
  readonly #stop = new AbortController()
  #inputBytes = 0
  #values: GuestValues | undefined
  /** What was used when the result went ahead, and what at the end. */
  #usage: PoolUsage = unused
  /** Why the supervisor itself ended the run. */
  #verdict: MayflyError | undefined
  readonly #span: Span | undefined
  #timer: NodeJS.Timeout | undefined
  #notice: NodeJS.Timeout | undefined

  constructor(parts: WorkerParts, options: RunOptions, hooks: RunHooks) {
    this.#parts = parts
    this.#options = options
    this.#hooks = hooks
    this.#gives = hooks.gives ?? givesOf(options)
    this.#limits = parseLimits(options.limits, parts.options.limits)
    const { tenant, network, name } = parts.options
    this.tenant = tenant
    this.#span = startSpan("run", { attributes: { "mayfly.run.id": this.id, "mayfly.tenant": tenant } })
    this.hash = parts.compiled.hash
    this.name = name
    this.signal = options.signal
    this.isScript = parts.isScript === true
    this.#record = new RunRecord({
      id: this.id,
      tenant,
      limits: this.#limits,
      network,
      env: parts.env,
      cache: parts.cache,
      egress: hooks.egress ?? parts.runtime.egress,
      redactor: parts.runtime.egress.redactor,
      asking: { hash: parts.compiled.hash, excerpt: (word) => excerpt(parts.compiled.positions, word) },
      stack: parts.stack,
      ...(this.#span === undefined ? {} : { span: this.#span }),
      ...(hooks.watcher === undefined ? {} : { watcher: hooks.watcher }),
      onEarly: (source, text, usage) => this.#early(source, text, usage),
      onLate: (usage) => this.#pass?.late(usage),
    })
    this.#record.session.offerSignal(() => this.#noticeInTime())
  }

  get limits(): Limits {
    return this.#limits
  }

  get isStarted(): boolean {
    return this.#record.startedAt > 0
  }

  cancel(reason: MayflyError): void {
    this.expire(reason)
  }

  /** The run as soon as its result is there. It may go on then: see `onEnd`. */
  async execute(call: PoolRequest["call"], argument: unknown): Promise<Run> {
    this.call = call
    const request = this.#request(call, argument)
    const { promise, resolve, reject } = withResolvers<Run>()
    this.#answer = { resolve, reject }
    this.#perform(request).then(
      (run) => this.#settle(run),
      (error: unknown) => this.#answer?.reject(error),
    )
    return promise
  }

  #settle(run: Run): void {
    const answer = this.#answer
    this.#answer = undefined
    answer?.resolve(run)
  }

  #request(call: PoolRequest["call"], argument: unknown): PoolRequest {
    const { props, reuse } = this.#options
    const { entry, method } = this.#hooks
    const input = this.#encode(argument, call)
    this.#inputBytes = input.length - 1
    return {
      id: this.id,
      tenant: this.tenant,
      program: this.#parts.compiled,
      call,
      limits: this.#limits,
      input,
      env: this.#parts.env.encoded,
      props: props === undefined ? "j{}" : encodeGiven("props", (given) => encodeValue(props, given)),
      ...(entry === undefined ? {} : { entry }),
      ...(method === undefined ? {} : { method }),
      gives: this.#gives,
      ...(reuse === true ? { keep: this.#keep } : {}),
    }
  }

  async #perform(request: PoolRequest): Promise<Run> {
    const { gate } = this.#parts.runtime
    if (this.#isUnwanted) return this.#end({ ...unused, kind: "aborted" })
    if (gate === undefined) return this.#end(await this.#inPool(request))
    const entering = gate.enter(this)
    // A turn that is not waited for: most runs need not wait.
    const pass = entering instanceof Promise ? await entering : entering
    if (this.#isUnwanted) {
      pass.left()
      return this.#end({ ...unused, kind: "aborted" })
    }
    this.#pass = pass
    if (pass.limits !== null) this.#limits = pass.limits
    try {
      return this.#end(await this.#inPool(pass.limits === null ? request : this.#within(request)))
    } catch (error) {
      pass.left()
      throw error
    }
  }

  get #isUnwanted(): boolean {
    return this.signal?.aborted === true || this.#stop.signal.aborted
  }

  #within(request: PoolRequest): PoolRequest {
    return { ...request, limits: this.#limits, ...(request.keep === undefined ? {} : { keep: this.#keep }) }
  }

  get #keep(): string {
    return `${this.#parts.key} ${this.#limits.memoryMb}`
  }

  #end(outcome: PoolOutcome): Run {
    const run = this.#finish(outcome)
    this.#record.close(run.ok ? this.#verdict : run.error)
    this.#tell(run)
    this.#pass?.ended(run, this.#traces(run, outcome))
    this.#hooks.onEnd?.(run)
    return run
  }

  #tell(run: Run): void {
    const { cpuMs, wallMs, queueMs, peakMemoryBytes } = run.usage
    const outcome = run.ok ? "ok" : run.error.code
    tell("run", { tenant: this.tenant, outcome, cpuMs, wallMs, queueMs })
    this.#span?.set({
      "mayfly.run.outcome": outcome,
      "mayfly.run.cpu_ms": cpuMs,
      "mayfly.run.queue_ms": queueMs,
      "mayfly.run.peak_memory_bytes": peakMemoryBytes,
    })
    this.#span?.end(run.ok ? undefined : outcome)
  }

  /** A process that died took its clock along: what it can have used counts. */
  #traces(run: Run, outcome: PoolOutcome): RunTraces {
    if (outcome.kind === "result") return run.ok && this.call === "run" ? { resultText: outcome.text } : {}
    const isUnmeasured = outcome.cpuMs === 0 && (outcome.kind === "crashed" || outcome.kind === "limit")
    if (!isUnmeasured) return {}
    return { unmeasuredCpuMs: Math.min(outcome.wallMs, this.#limits.cpuMs ?? Infinity) }
  }

  async #inPool(request: PoolRequest): Promise<PoolOutcome> {
    const { signal } = this.#options
    const cancel = (): void => this.#cancel(signal?.reason)
    signal?.addEventListener("abort", cancel, { once: true })
    try {
      const outcome = await this.#parts.runtime.pool.run(request, this.#record, this.#stop.signal)
      if (outcome.kind !== "result" && outcome.kind !== "failure") return outcome
      return { ...outcome, text: this.#record.redacted("result", outcome.text) }
    } catch (error) {
      this.#record.close()
      this.#span?.end(error instanceof MayflyError ? error.code : "server.internal")
      throw error
    } finally {
      signal?.removeEventListener("abort", cancel)
      clearTimeout(this.#timer)
      clearTimeout(this.#notice)
      this.#parts.runtime.openRuns.remove(this)
    }
  }

  /** The caller has its answer at once. A guest that asked for its signal, or yields values, may clean up. */
  #cancel(reason: unknown): void {
    const message = `the run was cancelled${because(reason)}`
    const isAsked = this.#record.session.notify({ name: "AbortError", message })
    if (!isAsked && this.#values === undefined) return this.#stop.abort()
    this.#settle(this.#finish({ ...unused, kind: "aborted" }))
    void this.#values?.stop()
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#stop.abort(), cleanupMs)
  }

  #noticeInTime(): void {
    const { wallMs } = this.#limits
    if (wallMs === null) return
    const noticeMs = Math.min(maxNoticeMs, wallMs * noticeShare)
    const dueMs = this.#record.startedAt + wallMs - noticeMs - performance.now()
    const message = `limits.wallMs, ${wallMs} ms, is nearly over`
    this.#notice = setTimeout(
      () => this.#record.session.notify({ name: "TimeoutError", message }),
      Math.min(Math.max(0, dueMs), 2_147_483_647),
    ).unref()
  }

  /** What the guest gives before its run ends; a second time makes no sense, except from a process that lies. */
  #early(source: number, given: string, usage: PoolUsage): void {
    const text = this.#record.redacted("result", given)
    // The caller has its answer already: nothing more is wanted.
    if (this.#answer === undefined) return this.#stop.abort()
    const { onAnswer, onValues } = this.#hooks
    this.#usage = usage
    try {
      if (onAnswer !== undefined) {
        onAnswer(streamedAnswer(text, source, this.#record, this.#limits.outputBytes))
      } else if (source > 0 && onValues !== undefined && this.#values === undefined) {
        onValues((this.#values = new GuestValues(source, this.#record, (used) => this.#outputOver(used))))
      } else if (source === 0 && this.#gives !== "data" && this.#gives !== "values") this.#open(text)
    } catch {
      // What makes no sense comes from a broken guest; the run's end says what happened.
    }
  }

  /** The result is the caller's; the run lasts while its stubs are held. */
  #open(text: string): void {
    if (text.length - 1 > this.#limits.outputBytes) return this.#outputOver(text.length - 1)
    const { session } = this.#record
    const result = this.#hooks.decode(text, session)
    session.watchUse((isBusy) => this.#used(isBusy))
    this.#used(false)
    const usage = (): Run["usage"] => this.#usageNow()
    const record = this.#record
    this.#settle({
      id: this.id,
      ok: true,
      result,
      get logs() {
        return record.logs
      },
      get usage() {
        return usage()
      },
      egress: record.egress,
    })
  }

  #used(isBusy: boolean): void {
    const { openRuns } = this.#parts.runtime
    openRuns.use(this)
    this.#record.session.hold(isBusy)
    clearTimeout(this.#timer)
    if (isBusy) return
    const idle = `nothing that the run gave was called for ${openRuns.idleMs} ms`
    this.#timer = setTimeout(() => this.expire(stubExpired(idle)), openRuns.idleMs).unref()
  }

  expire(reason: MayflyError): void {
    this.#verdict ??= reason
    this.#stop.abort()
  }

  #outputOver(used: number): void {
    this.expire(limitError("output", used, { limits: this.#limits }))
  }

  /** Requests have bodies that stream, and calls of methods take functions; the input of a program is data. */
  #encode(argument: unknown, call: PoolRequest["call"]): string {
    const { session } = this.#record
    if (call === "fetch") return encodeGiven("request", (given) => session.encode(argument, given))
    if (this.#hooks.entry !== undefined) return encodeGiven("arguments", (given) => session.encode(argument, given))
    return encodeGiven("input", (given) => encodeValue(argument, { ...given, stacks: false }))
  }

  #usageNow(): Run["usage"] {
    return this.#record.usage(this.#usage, this.#inputBytes, 0)
  }

  #finish(outcome: PoolOutcome): Run {
    const record = this.#record
    const outputBytes = outcome.kind === "result" ? outcome.text.length - 1 : 0
    // A run that was taken away says nothing of what it used.
    this.#usage = outcome.cpuMs < this.#usage.cpuMs ? { ...this.#usage, wallMs: outcome.wallMs } : outcome
    const common = {
      id: this.id,
      logs: record.logs,
      ...(record.logsTruncated ? { logsTruncated: true as const } : {}),
      usage: record.usage(this.#usage, this.#inputBytes, outputBytes),
      egress: record.egress,
    }
    if (outcome.kind !== "result") return this.#failed(common, outcome)
    try {
      return { ...common, ok: true, result: this.#hooks.decode(outcome.text, record.session) }
    } catch (error) {
      if (error instanceof MayflyError) return { ...common, ok: false, error }
      const details = { path: "result" }
      return {
        ...common,
        ok: false,
        error: new MayflyError("worker.not-serializable", "the result can't be read", { details }),
      }
    }
  }

  #failed(common: Omit<Run, "ok">, outcome: Exclude<PoolOutcome, { kind: "result" }>): Run {
    const verdict = this.#verdict
    // It had given its result; that nobody wanted more of it is no failure.
    if (verdict?.code === "worker.stub-expired") return { ...common, ok: true, result: undefined }
    return { ...common, ok: false, error: verdict ?? this.#error(outcome) }
  }

  #error(outcome: Exclude<PoolOutcome, { kind: "result" }>): MayflyError {
    const { hasEffects, answeredCodes } = this.#record
    const abortReason: unknown = this.#options.signal?.reason
    return runError(outcome, { limits: this.#limits, stack: this.#parts.stack, hasEffects, abortReason, answeredCodes })
  }
}

function givesOf({ stubs }: RunOptions): Gives {
  if (stubs === undefined) return "targets"
  return stubs ? "stubs" : "data"
}

function encodeGiven(root: string, encode: (options: { root: string; maxLength: number }) => string): string {
  try {
    return encode({ root, maxLength: maxInputBytes })
  } catch (error) {
    throw givenError(error, root)
  }
}

function givenError(error: unknown, root: string): unknown {
  if (error instanceof CloneError)
    return new MayflyError("worker.not-serializable", error.message, { details: { path: error.path } })
  if (!(error instanceof CloneTooLargeError)) return error
  const message = `${root} is larger than ${maxInputBytes} bytes`
  return new MayflyError("input.invalid", message, { details: { path: root, limit: maxInputBytes } })
}

/** Throws `input.invalid`. */
export function checkRunOptions(options: RunOptions): void {
  if (typeof options !== "object" || options === null) throw invalidOption("options", "must be an object")
  const { signal, reuse, stubs } = options
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw invalidOption("signal", "must be an AbortSignal")
  if (reuse !== undefined && typeof reuse !== "boolean") throw invalidOption("reuse", "must be true or false")
  if (stubs !== undefined && typeof stubs !== "boolean") throw invalidOption("stubs", "must be true or false")
  for (const name of Object.keys(options)) {
    if (runOptionNames.includes(name)) continue
    throw invalidOption(name, `is not a run option; the options are ${runOptionNames.join(", ")}`)
  }
}

function invalidOption(path: string, problem: string): MayflyError {
  return new MayflyError("input.invalid", `${path} ${problem}`, { details: { path } })
}
