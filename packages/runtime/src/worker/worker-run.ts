import { randomUUID } from "node:crypto"
import { type Limits, MayflyError, parseLimits } from "@mayfly/protocol"
import { CloneError, CloneTooLargeError, encodeValue } from "@mayfly/protocol/clone"
import type { Egress } from "../egress.ts"
import type { Compiled } from "../pool/compiler-pool.ts"
import type { PoolOutcome, PoolRequest } from "../pool/isolate-pool.ts"
import type { Runtime } from "../runtime.ts"
import type { WorkerCache } from "../cache/worker-cache.ts"
import type { EnvBindings } from "./env-bindings.ts"
import { type HandlerAnswer, streamedAnswer } from "./fetch-run.ts"
import type { GuestStack } from "./guest-stack.ts"
import type { Run } from "./run.ts"
import { runError } from "./run-error.ts"
import { RunRecord, type RunWatcher } from "./run-record.ts"
import type { ParsedWorkerOptions } from "./worker-options.ts"

export interface RunOptions {
  /** Cancels the run; it ends as `worker.aborted`. */
  readonly signal?: AbortSignal
  /** Over the worker's own limits, for this run. */
  readonly limits?: Partial<Limits>
  /** `ctx.props` of the guest. */
  readonly props?: unknown
  /**
   * Whether a warm isolate may be used, which an earlier run of this very worker has left, and be left for the next one. Module state is then
   * shared between runs, as at Cloudflare. Default false: a fresh isolate.
   */
  readonly reuse?: boolean
}

/** What all runs of a worker share. */
export interface WorkerParts {
  readonly runtime: Runtime
  readonly options: ParsedWorkerOptions
  readonly compiled: Compiled
  readonly env: EnvBindings
  readonly stack: GuestStack
  /** What its runs keep with the Cache API. */
  readonly cache: WorkerCache
  /** Names the worker among all of this process: warm isolates are kept by it. */
  readonly key: string
}

export interface RunHooks {
  /** Turns the encoded result into what the caller gets. May throw a MayflyError: the run has failed then. */
  decode(text: string): unknown
  readonly watcher?: RunWatcher
  /** The export and method that are called; without them the program's shape decides. */
  readonly entry?: string
  readonly method?: string
  /** Performs the guest's requests instead of the runtime's way out. */
  readonly egress?: Egress
  /** A handler's streamed response, before the run's end. */
  onAnswer?(answer: HandlerAnswer): void
}

const maxInputBytes = 64 << 20
const runOptionNames = ["signal", "limits", "props", "reuse"]
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

class WorkerRun {
  readonly #parts: WorkerParts
  readonly #options: RunOptions
  readonly #hooks: RunHooks
  readonly #limits: Limits
  readonly #id = `run_${randomUUID().replaceAll("-", "")}`
  readonly #record: RunRecord

  constructor(parts: WorkerParts, options: RunOptions, hooks: RunHooks) {
    this.#parts = parts
    this.#options = options
    this.#hooks = hooks
    this.#limits = parseLimits(options.limits, parts.options.limits)
    const { tenant, network } = parts.options
    this.#record = new RunRecord({
      id: this.#id,
      tenant,
      limits: this.#limits,
      network,
      env: parts.env,
      cache: parts.cache,
      egress: hooks.egress ?? parts.runtime.egress,
      stack: parts.stack,
      ...(hooks.watcher === undefined ? {} : { watcher: hooks.watcher }),
      onResponse: (head, stream) => this.#answer(head, stream),
    })
  }

  async execute(call: PoolRequest["call"], argument: unknown): Promise<Run> {
    const { signal, props, reuse } = this.#options
    const input = this.#encode(argument, call)
    const request: PoolRequest = {
      id: this.#id,
      tenant: this.#parts.options.tenant,
      program: this.#parts.compiled,
      call,
      limits: this.#limits,
      input,
      env: this.#parts.env.encoded,
      props: props === undefined ? "j{}" : encodeGiven("props", (given) => encodeValue(props, given)),
      ...(this.#hooks.entry === undefined ? {} : { entry: this.#hooks.entry }),
      ...(this.#hooks.method === undefined ? {} : { method: this.#hooks.method }),
      ...(reuse === true ? { keep: `${this.#parts.key} ${this.#limits.memoryMb}` } : {}),
    }
    const outcome = signal?.aborted === true ? ({ ...unused, kind: "aborted" } as const) : await this.#inPool(request)
    const run = this.#finish(outcome, input.length - 1)
    this.#record.close(run.ok ? undefined : run.error)
    return run
  }

  async #inPool(request: PoolRequest): Promise<PoolOutcome> {
    try {
      return await this.#parts.runtime.pool.run(request, this.#record, this.#options.signal)
    } catch (error) {
      this.#record.close()
      throw error
    }
  }

  /** Requests have bodies that stream, and calls of methods take functions; the input of a program is data. */
  #encode(argument: unknown, call: PoolRequest["call"]): string {
    const { session } = this.#record
    if (call === "fetch") return encodeGiven("request", (given) => session.encode(argument, given))
    if (this.#hooks.entry !== undefined) return encodeGiven("arguments", (given) => session.encode(argument, given))
    return encodeGiven("input", (given) => encodeValue(argument, { ...given, stacks: false }))
  }

  #answer(head: string, stream: number): void {
    if (this.#hooks.onAnswer === undefined) return
    try {
      this.#hooks.onAnswer(streamedAnswer(head, stream, this.#record, this.#limits.outputBytes))
    } catch {
      // A head that makes no sense comes from a broken guest; the run's end says what happened.
    }
  }

  #finish(outcome: PoolOutcome, inputBytes: number): Run {
    const record = this.#record
    const outputBytes = outcome.kind === "result" ? outcome.text.length - 1 : 0
    const common = {
      id: this.#id,
      logs: record.logs,
      ...(record.logsTruncated ? { logsTruncated: true as const } : {}),
      usage: record.usage(outcome, inputBytes, outputBytes),
      egress: record.egress,
    }
    if (outcome.kind !== "result") return { ...common, ok: false, error: this.#error(outcome) }
    try {
      return { ...common, ok: true, result: this.#hooks.decode(outcome.text) }
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

  #error(outcome: Exclude<PoolOutcome, { kind: "result" }>): MayflyError {
    const { hasEffects, answeredCodes } = this.#record
    const abortReason: unknown = this.#options.signal?.reason
    return runError(outcome, { limits: this.#limits, stack: this.#parts.stack, hasEffects, abortReason, answeredCodes })
  }
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

function checkRunOptions(options: RunOptions): void {
  if (typeof options !== "object" || options === null) throw invalidOption("options", "must be an object")
  const { signal, reuse } = options
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw invalidOption("signal", "must be an AbortSignal")
  if (reuse !== undefined && typeof reuse !== "boolean") throw invalidOption("reuse", "must be true or false")
  for (const name of Object.keys(options)) {
    if (runOptionNames.includes(name)) continue
    throw invalidOption(name, `is not a run option; the options are ${runOptionNames.join(", ")}`)
  }
}

function invalidOption(path: string, problem: string): MayflyError {
  return new MayflyError("input.invalid", `${path} ${problem}`, { details: { path } })
}
