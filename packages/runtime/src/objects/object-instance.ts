import { randomUUID } from "node:crypto"
import { type Limits, MayflyError, parseLimits, type Run } from "@mayfly/protocol"
import { encodeValue } from "@mayfly/protocol/clone"
import { outboundEgress } from "../loader/outbound.ts"
import { traceItem } from "../loader/trace-item.ts"
import { lowerLimits, type TraceItem } from "../loader/worker-code.ts"
import { type LoadedWorker, tell } from "../loader/worker-stub.ts"
import type { PoolOutcome, PoolRequest } from "../pool/isolate-pool.ts"
import type { AskedRun, RunPass } from "../run-gate.ts"
import type { Runtime } from "../runtime.ts"
import { limitError, runError } from "../worker/run-error.ts"
import { withResolvers } from "../worker/with-resolvers.ts"
import type { DurableObjectClass } from "./durable-object-class.ts"
import { ObjectRecord } from "./object-record.ts"
import type { ObjectStorage } from "./object-storage.ts"

export interface InstanceOptions {
  readonly runtime: Pick<Runtime, "pool" | "egress" | "gate">
  readonly worker: LoadedWorker
  readonly class: DurableObjectClass
  readonly id: { readonly id: string; readonly name?: string }
  readonly storage: ObjectStorage
  /** The instance is over, for whatever reason. Called once. */
  onEnd(): void
}

export interface ObjectCall {
  readonly kind: "rpc" | "fetch" | "alarm"
  readonly method: string
  readonly args: readonly unknown[]
}

const unused = { cpuMs: 0, wallMs: 0, peakMemoryBytes: 0 }
/** Functions that callers have passed stay until the instance goes; one that holds this many starts over when it is idle. */
const maxExports = 1_000

/** A warm Durable Object: one isolate, one run that lasts, calls delivered as they come. */
export class ObjectInstance {
  readonly #options: InstanceOptions
  readonly #record: ObjectRecord
  readonly #limits: Limits
  readonly #abort = new AbortController()
  /** The guest's export that calls the object. */
  readonly #target = withResolvers<number>()
  #calls = 0
  #ended: { readonly error: unknown } | undefined
  readonly #id = `obj_${randomUUID().replaceAll("-", "")}`
  #pass: RunPass | undefined

  constructor(options: InstanceOptions) {
    this.#options = options
    const { worker, class: given, storage } = options
    const { parts, code } = worker
    this.#limits = parseLimits(lowerLimits(code.worker.limits, given.options.limits), parts.options.limits)
    this.#record = new ObjectRecord({
      id: this.#id,
      tenant: parts.options.tenant,
      limits: this.#limits,
      network: parts.options.network,
      env: parts.env,
      egress: code.outbound === undefined ? options.runtime.egress : outboundEgress(code.outbound),
      redactor: options.runtime.egress.redactor,
      stack: parts.stack,
      cache: parts.cache,
      onEarly: (target) => this.#target.resolve(target),
      storage,
      hold: () => options.runtime.pool.hold(),
      onFailure: (error) => this.end(error),
      onLate: (usage) => this.#pass?.late(usage),
    })
    this.#target.promise.catch(() => {})
    void this.#run()
  }

  get isOver(): boolean {
    return this.#ended !== undefined
  }

  /** How long nothing has happened; 0 while a call is under way. */
  get idleMs(): number {
    return this.#calls > 0 || this.#record.isBusy ? 0 : performance.now() - this.#record.lastActive
  }

  /** Whether it should start over when nobody uses it. */
  get isWorn(): boolean {
    return this.#record.session.exportCount > maxExports
  }

  async #run(): Promise<void> {
    const { runtime } = this.#options
    try {
      const pass = await runtime.gate?.enter(this.#asked())
      if (this.#ended !== undefined) return pass?.left()
      this.#pass = pass
      const outcome = await runtime.pool.run(this.#request(), this.#record, this.#abort.signal)
      const error = this.#errorOf(outcome)
      this.#over(error)
      const usage = this.#record.usage(outcome, 0, 0)
      pass?.ended({ id: this.#id, ok: false, error, logs: [], usage, egress: [] }, {})
    } catch (error) {
      this.#pass?.left()
      this.#over(error)
    }
  }

  #asked(): AskedRun {
    const { tenant, name } = this.#options.worker.parts.options
    const { hash } = this.#options.worker.parts.compiled
    const cancel = (reason: MayflyError): void => this.end(reason)
    const own = { id: this.#id, tenant, hash, name, call: "object", limits: this.#limits } as const
    return { ...own, isScript: false, isStarted: true, signal: undefined, cancel }
  }

  #request(): PoolRequest {
    const { worker, class: given, id } = this.#options
    const { props } = given.options
    return {
      id: `obj_${randomUUID()}`,
      tenant: worker.parts.options.tenant,
      program: worker.parts.compiled,
      call: "object",
      entry: given.name,
      gives: "data",
      // Each call has its own time; the instance lasts until it is put to rest.
      limits: { ...this.#limits, wallMs: null },
      input: encodeValue(id),
      env: worker.parts.env.encoded,
      props: props === undefined ? "j{}" : encodeValue(props, { root: "props" }),
    }
  }

  #errorOf(outcome: PoolOutcome): MayflyError {
    if (outcome.kind !== "result") return runError(outcome, this.#failedRun())
    return new MayflyError("object.reset", "the object's process ended it")
  }

  #failedRun(): Parameters<typeof runError>[1] {
    const { answeredCodes } = this.#record
    const { stack } = this.#options.worker.parts
    return { limits: this.#limits, stack, hasEffects: true, abortReason: undefined, answeredCodes }
  }

  /** Ends it: calls under way and streams fail with `reason`. Calling twice is safe. */
  end(reason: unknown): void {
    this.#over(reason)
    this.#abort.abort()
  }

  #over(error: unknown): void {
    if (this.#ended !== undefined) return
    this.#ended = { error }
    this.#target.reject(error)
    this.#record.close(error as MayflyError)
    this.#options.onEnd()
  }

  /** Rejects with the coded error of what went wrong, or with what `end` was given. */
  async call(call: ObjectCall): Promise<unknown> {
    const startedAt = Date.now()
    this.#calls++
    let outcome: Pick<Run, "ok"> & { result?: unknown; error?: unknown } = { ok: false }
    try {
      const result = await this.#withinTime(this.#call(call))
      outcome = { ok: true, result }
      return result
    } catch (error) {
      outcome = { ok: false, error }
      throw error
    } finally {
      this.#calls--
      this.#record.lastActive = performance.now()
      this.#trace(call, outcome, startedAt)
    }
  }

  async #call({ kind, method, args }: ObjectCall): Promise<unknown> {
    const target = await this.#target.promise
    const answer = (await this.#record.session.callObject(target, [kind, method, args]).catch(rethrowCoded)) as {
      failure?: unknown
    } | null
    if (typeof answer !== "object" || answer === null)
      throw new MayflyError("object.reset", "the object's answer can't be read")
    if (typeof answer.failure !== "string") return (answer as { value?: unknown }).value
    throw runError({ ...unused, kind: "failure", text: answer.failure }, this.#failedRun())
  }

  async #withinTime<T>(work: Promise<T>): Promise<T> {
    const { wallMs } = this.#limits
    if (wallMs === null) return work
    const late = withResolvers<never>()
    const timer = setTimeout(
      () => late.reject(limitError("wall", wallMs, { limits: this.#limits })),
      Math.min(wallMs, 2_147_483_647),
    )
    try {
      return await Promise.race([work, late.promise])
    } finally {
      clearTimeout(timer)
      work.catch(() => {})
    }
  }

  /** Calls that overlap share their logs and requests: they belong to the one that ends first. */
  #trace({ kind, method, args }: ObjectCall, outcome: { ok: boolean; error?: unknown }, startedAt: number): void {
    const wallMs = Date.now() - startedAt
    const gathered = this.#record.renew({ ...unused, wallMs })
    this.#pass?.called(runOf(gathered, outcome))
    const { tails } = this.#options.worker.code
    if (tails.length === 0) return
    const [request] = args
    const event: TraceItem["event"] =
      kind === "fetch" && request instanceof Request
        ? { request: { url: request.url, method: request.method } }
        : { rpcMethod: kind === "alarm" ? "alarm" : method }
    const item = traceItem(runOf(gathered, outcome), event, startedAt)
    for (const tail of tails) void tell(tail, { ...item, wallTime: wallMs })
  }
}

/** What the bridge itself refused: arguments or a result that can't cross, or too much of it. */
function rethrowCoded(error: unknown): never {
  const { name, message, code } = error as Error & { code?: unknown }
  if (name === "DataCloneError")
    throw new MayflyError("worker.not-serializable", message, { details: { path: "call" } })
  if (code === "worker.output-limit" && !(error instanceof MayflyError)) throw new MayflyError(code, message)
  throw error
}

function runOf(gathered: Pick<Run, "logs" | "egress" | "usage">, outcome: { ok: boolean; error?: unknown }): Run {
  if (outcome.ok) return { ...gathered, id: "", ok: true, result: undefined }
  return { ...gathered, id: "", ok: false, error: codedError(outcome.error) }
}

function codedError(error: unknown): MayflyError {
  return error instanceof MayflyError ? error : new MayflyError("object.aborted", String(error))
}
