import {
  type AskingWorker,
  type EgressContext,
  type EgressRedactor,
  type Limits,
  type LedgerRow,
  type LogLine,
  type LogLevel,
  MayflyError,
  isTold,
  type NetworkPolicy,
  type Span,
  startSpan,
  tell,
  type Usage,
  withinSpan,
  type Run,
} from "@mayfly/protocol"
import { CloneError } from "@mayfly/protocol/clone"
import { runTarget } from "../bridge/run-target.ts"
import type { Egress, EgressRequest } from "../egress.ts"
import type { CallAnswer, PoolHandler, PoolUsage, RunPort } from "../pool/isolate-pool.ts"
import type { EnvBindings } from "./env-bindings.ts"
import type { GuestStack } from "./guest-stack.ts"
import { fetchedBody } from "./fetched-body.ts"
import type { WorkerCache } from "../cache/worker-cache.ts"
import { CacheService, cacheTarget } from "../cache/cache-service.ts"
import { EgressService, egressTarget } from "./egress-service.ts"
import { RunSession } from "./run-session.ts"
import { Semaphore } from "./semaphore.ts"

export interface RunRecordOptions {
  readonly id: string
  readonly tenant: string
  readonly limits: Limits
  readonly network: NetworkPolicy
  readonly env: EnvBindings
  readonly cache: WorkerCache
  readonly egress: Egress
  /** Of the platform's own way out, whatever `egress` is. */
  readonly redactor: Egress["redactor"]
  /** What people may see of the program when it asks to reach something. */
  readonly asking?: AskingWorker
  readonly stack: GuestStack
  /** Of the run; what it asks for is part of it. */
  readonly span?: Span
  /** Told of logs and egress as they happen; a run that is watched can't silently be run again. */
  readonly watcher?: RunWatcher
  /** Told of what the guest gives before the run's end. */
  onEarly(source: number, text: string, usage: PoolUsage): void
  /** Told of what was used, when that is known only after the end. */
  onLate?(usage: PoolUsage): void
}

export interface RunWatcher {
  onLog(line: LogLine): void
  onEgress(row: LedgerRow): void
}

interface SequencedLine extends LogLine {
  readonly sequence: number
}

const levels: readonly LogLevel[] = ["debug", "log", "info", "warn", "error"]
const logLine = /^(\d) (\d{1,15}) (\d{1,15}) ([\s\S]*)$/
const methods = /^[A-Za-z]{1,20}$/
/** A hostile process may ignore `logBytes`; beyond this its words are dropped. */
const maxLogFactor = 2

/** What one run does to the world and what the world may know of it. All texts come from a guest. */
export class RunRecord implements PoolHandler {
  readonly #options: RunRecordOptions
  readonly #requests: Semaphore
  readonly session: RunSession
  #lines: SequencedLine[] = []
  #logBytes = 0
  #hasEffects = false
  #subRequests = 0
  #isOverRequests = false
  /** Ends what outlasts a call: connections. */
  #over: AbortController | undefined
  #isClosed = false
  #bindingCalls = 0
  #bytesIn = 0
  #bytesOut = 0
  #queueMs = 0
  logsTruncated = false
  /** When the run got its isolate, on the clock of `performance.now`. */
  startedAt = 0
  readonly egress: LedgerRow[] = []
  /** Codes of failed requests. */
  readonly answeredCodes = new Set<string>()

  constructor(options: RunRecordOptions) {
    this.#options = options
    this.#requests = new Semaphore(options.limits.concurrentRequests)
    const services = new Map<number, object>([
      [cacheTarget, new CacheService(options.cache, () => this.#countRequest())],
      [egressTarget, this.#egressService()],
    ])
    const { memoryMb, outputBytes } = options.limits
    this.session = new RunSession(options.env, memoryMb * 1_048_576, services, outputBytes)
  }

  get outputBytes(): number {
    return this.#options.limits.outputBytes
  }

  get hasEffects(): boolean {
    return this.#hasEffects
  }

  /** Console lines in the order in which they were written. */
  get logs(): LogLine[] {
    return this.#lines
      .toSorted((a, b) => a.sequence - b.sequence)
      .map(({ level, message, time }) => ({ level, message, time }))
  }

  usage(pool: PoolUsage, inputBytes: number, outputBytes: number): Usage {
    return {
      cpuMs: round(pool.cpuMs),
      wallMs: round(pool.wallMs),
      queueMs: round(this.#queueMs),
      peakMemoryBytes: Math.round(pool.peakMemoryBytes),
      bytesIn: this.#bytesIn + inputBytes,
      bytesOut: this.#bytesOut + outputBytes,
      subRequests: this.#subRequests,
      bindingCalls: this.#bindingCalls,
      logBytes: this.#logBytes,
    }
  }

  onStart(queueMs: number, port: RunPort): void {
    this.session.connect(this.#counted(port))
    this.#queueMs = queueMs
    this.startedAt = performance.now()
    // A run that was moved starts over; nobody has seen what it said before.
    this.#lines = []
    this.#logBytes = 0
  }

  /** What was gathered since the last time, for an object whose run lasts over many calls: logs, requests; and the limits start anew. */
  renew(pool: PoolUsage): Pick<Run, "logs" | "egress" | "usage"> {
    const gathered = { logs: this.logs, egress: [...this.egress], usage: this.usage(pool, 0, 0) }
    this.#lines = []
    this.#logBytes = 0
    this.#subRequests = 0
    this.#bindingCalls = 0
    this.#bytesIn = 0
    this.#bytesOut = 0
    this.logsTruncated = false
    this.egress.length = 0
    this.answeredCodes.clear()
    return gathered
  }

  /** The guest has stored something: it can't silently start again elsewhere. */
  noteEffect(): void {
    this.#hasEffects = true
  }

  /** Calls from outside bring bytes in, as input does. */
  #counted({ invoke, renew, ...port }: RunPort): RunPort {
    const count =
      (act: RunPort["invoke"]): RunPort["invoke"] =>
      (id, call, args, buffers) => {
        this.#bytesIn += args.length + bytesOf(buffers)
        act(id, call, args, buffers)
      }
    return { ...port, invoke: count(invoke), renew: count(renew) }
  }

  onReply(id: number, text: string, buffers: readonly ArrayBuffer[]): void {
    this.#bytesOut += text.length + bytesOf(buffers)
    const redactor = this.redactor("result")
    for (const buffer of buffers) redactor?.bytes(new Uint8Array(buffer))
    this.session.onReply(id, redactor?.text(text) ?? text, buffers)
  }

  onRelease(target: number, count: number): void {
    // What was let go of is gone: another guest could not use it again.
    this.#hasEffects = true
    this.session.onRelease(target, count)
  }

  onEarly(source: number, text: string, usage: PoolUsage): void {
    // Somebody may have seen it.
    this.#hasEffects = true
    this.#options.onEarly(source, text, usage)
  }

  onLateUsage(usage: PoolUsage): void {
    this.#options.onLate?.(usage)
  }

  /** The run has ended; what the guest gave fails with `reason`. */
  close(reason?: MayflyError): void {
    this.session.close(reason)
    this.#isClosed = true
    this.#over?.abort(reason)
  }

  onLogs(lines: readonly string[]): void {
    for (const line of lines) this.#log(line)
  }

  #log(text: string): void {
    const match = logLine.exec(text)
    if (match === null || this.#logBytes > this.#options.limits.logBytes * maxLogFactor) return
    const [, level, sequence, time, raw = ""] = match
    const { stack, watcher } = this.#options
    // A printed error: its positions and frames as the author knows them.
    const message = this.redacted("logs", raw.includes("\n    at ") ? stack.mapStack(raw) : raw)
    this.#logBytes += message.length
    const line = {
      level: levels[Number(level)] ?? "log",
      message,
      time: Number(time),
      sequence: Number(sequence) || Infinity,
    }
    this.#lines.push(line)
    if (isTold("log")) this.#tellLog(line)
    if (watcher === undefined) return
    this.#hasEffects = true
    watcher.onLog({ level: line.level, message, time: line.time })
  }

  #tellLog({ level, message, time }: LogLine): void {
    const { tenant, id: runId } = this.#options
    tell("log", { tenant, runId, level, message, time })
  }

  /** A text of the guest's without secrets that were added to requests: it may have got one back. */
  redacted(where: "logs" | "result", text: string): string {
    return this.redactor(where)?.text(text) ?? text
  }

  /** What takes those secrets out of what the guest gives. */
  redactor(where: "logs" | "result"): EgressRedactor | undefined {
    const { redactor, tenant, id } = this.#options
    return redactor?.(tenant, { where, runId: id })
  }

  onLogsCut(): void {
    if (this.logsTruncated) return
    this.logsTruncated = true
    const message = `[logs were cut here: limits.logBytes is ${this.#options.limits.logBytes}]`
    const line: LogLine = { level: "warn", message, time: Date.now() }
    this.#lines.push({ ...line, sequence: Infinity })
    this.#options.watcher?.onLog(line)
  }

  async onCall(
    operation: "fetch" | "call",
    payload: string,
    signal: AbortSignal,
    buffers: readonly ArrayBuffer[],
  ): Promise<CallAnswer> {
    // Asking for the run's own signal is seen by nobody.
    if (operation === "call" && payload.startsWith(`${runTarget}\n`)) return this.session.perform(payload)
    this.#hasEffects = true
    this.#bytesOut += payload.length + bytesOf(buffers)
    const answer = operation === "fetch" ? await this.#fetch(payload, signal) : await this.#call(payload, buffers)
    if (answer.ok) this.#bytesIn += answer.text.length + bytesOf(answer.buffers)
    else if (answer.code !== undefined && (operation === "fetch" || answer.code === bindingTimeout))
      this.answeredCodes.add(answer.code)
    return answer
  }

  async #call(payload: string, buffers: readonly ArrayBuffer[]): Promise<CallAnswer> {
    // Reading a stream, such as an answer's body, is no call of a binding.
    if (this.session.isStreamCall(payload)) return this.#perform(payload, buffers)
    const { bindingCalls, bindingMs, wallMs } = this.#options.limits
    if (this.#bindingCalls >= bindingCalls) {
      const message = `the run has made ${this.#bindingCalls} binding calls; limits.bindingCalls is ${bindingCalls}`
      return { ok: false, name: "Error", message, code: "worker.binding-limit", endsAtCalls: bindingCalls + 1 }
    }
    this.#bindingCalls++
    const answer = this.#traced(payload, () => this.#perform(payload, buffers))
    // The run's own end comes first: no timer is needed.
    return bindingMs === null || (wallMs !== null && wallMs <= bindingMs) ? answer : inTime(answer, bindingMs)
  }

  /** A binding's code may call further workers, which are part of the call then. */
  #traced(payload: string, work: () => Promise<CallAnswer>): Promise<CallAnswer> {
    const { span: parent, env } = this.#options
    const span = parent === undefined ? undefined : startSpan("binding", { parent })
    if (span === undefined) return work()
    const name = env.names[Number(payload.slice(0, payload.indexOf("\n")))]
    if (name !== undefined) span.set({ "mayfly.binding": name.slice(0, 200) })
    return withinSpan(span, work).then((answer) => {
      span.end(answer.ok ? undefined : (answer.code ?? "worker.guest"))
      return answer
    })
  }

  async #perform(payload: string, buffers: readonly ArrayBuffer[]): Promise<CallAnswer> {
    const answer = await this.session.perform(payload, buffers)
    // Only the runtime's own services count requests; a binding that throws such an error does not end the run.
    if (answer.ok || answer.code !== "worker.subrequest-limit" || !this.#isOverRequests) return answer
    return { ...answer, endsAtRequests: this.#options.limits.subRequests + 1 }
  }

  async #fetch(payload: string, signal: AbortSignal): Promise<CallAnswer> {
    const { egress } = this.#options
    try {
      const request = parseRequest(this.session.decode(payload))
      this.#countRequest()
      const response = await this.#requests.use(signal, () => egress.fetch(request, this.#context(signal)))
      // The request is over for `concurrentRequests` when its head is there: a program may hold answers that it reads later.
      const body = await fetchedBody(response.body, { onError: (error) => this.#noteCode(error) })
      return { ok: true, text: this.session.encode({ ...response, body }, { root: "response" }) }
    } catch (error) {
      return requestFailure(error)
    }
  }

  #context(signal: AbortSignal): EgressContext {
    const { tenant, id, network, limits, asking, span } = this.#options
    return {
      tenant,
      runId: id,
      ...(asking === undefined ? {} : { worker: asking }),
      ...(span === undefined ? {} : { span }),
      policy: network,
      signal,
      maxResponseBytes: Math.min(limits.memoryMb * 1_048_576, 256 << 20),
      record: (row) => this.#recordEgress(row),
      onHop: () => this.#countRequest(),
    }
  }

  /** Made for the runs that open connections: most do not. */
  #untilOver(): AbortSignal {
    if (this.#isClosed) return AbortSignal.abort()
    return (this.#over ??= new AbortController()).signal
  }

  #egressService(): EgressService {
    return new EgressService({
      egress: this.#options.egress,
      context: () => this.#context(this.#untilOver()),
      requests: this.#requests,
      countRequest: () => this.#countRequest(),
      onFailure: (error) => this.#noteCode(error),
    })
  }

  /** A body failed while the guest read it. */
  #noteCode(error: unknown): void {
    if (error instanceof MayflyError) this.answeredCodes.add(error.code)
  }

  #countRequest(): void {
    const { subRequests } = this.#options.limits
    if (this.#subRequests >= subRequests) {
      this.#isOverRequests = true
      const message = `the run has made ${this.#subRequests} requests; limits.subRequests is ${subRequests}`
      throw new MayflyError("worker.subrequest-limit", message, { details: { used: subRequests + 1 } })
    }
    this.#subRequests++
  }

  #recordEgress(row: LedgerRow): void {
    this.egress.push(row)
    this.#options.watcher?.onEgress(row)
  }
}

const bindingTimeout = "worker.binding-timeout"

/** The binding may go on; its answer is not waited for any more. */
async function inTime(answer: Promise<CallAnswer>, bindingMs: number): Promise<CallAnswer> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<CallAnswer>((resolve) => {
    const message = `the binding took longer than limits.bindingMs, ${bindingMs} ms`
    timer = setTimeout(() => resolve({ ok: false, name: "TimeoutError", message, code: bindingTimeout }), bindingMs)
    // The run keeps the process alive, as long as it lasts; this must not.
    timer.unref()
  })
  try {
    return await Promise.race([answer, late])
  } finally {
    clearTimeout(timer)
  }
}

function parseRequest(value: unknown): EgressRequest {
  const { url, method, headers, body, redirect } = (value ?? {}) as Partial<EgressRequest>
  const isValid =
    typeof url === "string" &&
    typeof method === "string" &&
    methods.test(method) &&
    Array.isArray(headers) &&
    headers.every(
      (header) => Array.isArray(header) && typeof header[0] === "string" && typeof header[1] === "string",
    ) &&
    (body === null || body instanceof Uint8Array || body instanceof ReadableStream) &&
    (redirect === "follow" || redirect === "manual" || redirect === "error")
  if (!isValid) throw new MayflyError("input.invalid", "the request can't be read")
  return { url, method, headers: headers as EgressRequest["headers"], body, redirect }
}

function requestFailure(error: unknown): CallAnswer {
  if (error instanceof MayflyError) {
    const failure = { ok: false, name: "TypeError", message: error.message, code: error.code } as const
    const isOver = error.code === "worker.subrequest-limit"
    return isOver ? { ...failure, endsAtRequests: Number(error.details["used"]) } : failure
  }
  if (error instanceof CloneError) return { ok: false, name: "TypeError", message: error.message }
  return { ok: false, name: "TypeError", message: "fetch failed", code: "mesh.unreachable" }
}

function round(ms: number): number {
  return Math.round(ms * 1_000) / 1_000
}

function bytesOf(buffers: readonly ArrayBuffer[] = []): number {
  let bytes = 0
  for (const { byteLength } of buffers) bytes += byteLength
  return bytes
}
