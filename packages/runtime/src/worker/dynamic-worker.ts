import { randomUUID } from "node:crypto"
import { type LedgerRow, type Limits, type LogLine, MayflyError, parseLimits } from "@mayfly/protocol"
import { CloneError, CloneTooLargeError, decodeValue, encodeValue } from "@mayfly/protocol/clone"
import { defaultRuntime } from "../default-runtime.ts"
import type { Compiled } from "../pool/compiler-pool.ts"
import type { PoolOutcome } from "../pool/isolate-pool.ts"
import type { Runtime } from "../runtime.ts"
import { bindEnv, type EnvBindings } from "./env-bindings.ts"
import { EventQueue } from "./event-queue.ts"
import { GuestStack } from "./guest-stack.ts"
import type { Run, RunEvent } from "./run.ts"
import { runError } from "./run-error.ts"
import { RunRecord, type RunWatcher } from "./run-record.ts"
import { parseWireResponse, requestToWire, responseFromWire, responseToJson, type WireResponse } from "./wire-message.ts"
import { type DynamicWorkerOptions, type ParsedWorkerOptions, parseWorkerOptions } from "./worker-options.ts"

export interface RunOptions {
  /** Cancels the run; it ends as `worker.aborted`. */
  readonly signal?: AbortSignal
  /** Over the worker's own limits, for this run. */
  readonly limits?: Partial<Limits>
  /** `ctx.props` of the guest. */
  readonly props?: unknown
}

const maxInputBytes = 64 << 20
const runOptionNames = ["signal", "limits", "props"]

/** A program of an agent's, compiled once, run as often as wanted: each time in a fresh isolate that sees only what it was given. */
export class DynamicWorker implements AsyncDisposable {
  /** Content hash of the compiled program. */
  readonly hash: string
  readonly #runtime: Runtime
  readonly #options: ParsedWorkerOptions
  readonly #compiled: Compiled
  readonly #env: EnvBindings
  readonly #stack: GuestStack
  #isDisposed = false

  private constructor(runtime: Runtime, options: ParsedWorkerOptions, compiled: Compiled, env: EnvBindings) {
    this.hash = compiled.hash
    this.#runtime = runtime
    this.#options = options
    this.#compiled = compiled
    this.#env = env
    this.#stack = new GuestStack(compiled.positions)
  }

  /**
   * Checks the options and compiles the program. Rejects with `input.invalid` for a wrong option, `worker.syntax` (file, line, column, source line)
   * or `worker.module-not-found` for a wrong program, `worker.not-serializable` for an `env` that can't be passed.
   */
  static async create(options: DynamicWorkerOptions): Promise<DynamicWorker> {
    const parsed = parseWorkerOptions(options)
    const runtime = options.platform?.runtime ?? defaultRuntime()
    runtime.egress.check(parsed.network)
    const env = bindEnv(parsed.env)
    return new DynamicWorker(runtime, parsed, await runtime.compiler.compile(parsed.source), env)
  }

  /** The program's result. Rejects with a coded error. */
  async run(input?: unknown, options: RunOptions = {}): Promise<unknown> {
    const run = await this.execute(input, options)
    if (run.ok) return run.result
    throw run.error
  }

  /** The whole run: result or error, logs, usage, egress. Never rejects for what the guest did. */
  async execute(input?: unknown, options: RunOptions = {}): Promise<Run> {
    return this.#execute("run", encodeGiven(input, "input"), options, (text) => decodeValue(text))
  }

  /** Calls the program's fetch handler. Rejects with a coded error when it fails. Bodies are buffered in this version. */
  async fetch(request: Request | string | URL, init?: RequestInit): Promise<Response> {
    const wire = await requestToWire(new Request(request, init))
    const options = init?.signal instanceof AbortSignal ? { signal: init.signal } : {}
    const run = await this.#execute("fetch", encodeGiven(wire, "request"), options, (text) => parseWireResponse(decodeValue(text)))
    if (run.ok) return responseFromWire(run.result as WireResponse)
    throw run.error
  }

  /** Like `execute` for a fetch handler; the result is `{ status, headers, body }`. */
  async executeRequest(request: Request, options: RunOptions = {}): Promise<Run> {
    const wire = await requestToWire(request)
    return this.#execute("fetch", encodeGiven(wire, "request"), options, (text) => responseToJson(parseWireResponse(decodeValue(text))))
  }

  /** Logs and egress as they happen, then the result or the error. Leaving the loop cancels the run. */
  async *stream(input?: unknown, options: RunOptions = {}): AsyncGenerator<RunEvent, void, void> {
    yield* this.#stream(options, (signal, watcher) =>
      this.#execute("run", encodeGiven(input, "input"), { ...options, signal }, (text) => decodeValue(text), watcher),
    )
  }

  /** Like `stream`, for a fetch handler. */
  async *streamRequest(request: Request, options: RunOptions = {}): AsyncGenerator<RunEvent, void, void> {
    const wire = await requestToWire(request)
    const decode = (text: string): unknown => responseToJson(parseWireResponse(decodeValue(text)))
    yield* this.#stream(options, (signal, watcher) =>
      this.#execute("fetch", encodeGiven(wire, "request"), { ...options, signal }, decode, watcher),
    )
  }

  async *#stream(
    options: RunOptions,
    execute: (signal: AbortSignal, watcher: RunWatcher) => Promise<Run>,
  ): AsyncGenerator<RunEvent, void, void> {
    const events = new EventQueue<RunEvent>()
    const abort = new AbortController()
    const signal = options.signal === undefined ? abort.signal : AbortSignal.any([abort.signal, options.signal])
    const watcher: RunWatcher = {
      onLog: (line) => events.push({ type: "log", ...line }),
      onEgress: (row) => events.push({ type: "egress", row }),
    }
    const finished = execute(signal, watcher).finally(() => events.close())
    try {
      yield* events
      const run = await finished
      yield run.ok ? { type: "result", result: run.result, run } : { type: "error", error: run.error, run }
    } finally {
      abort.abort()
      await finished.catch(() => {})
    }
  }

  async #execute(
    call: "run" | "fetch",
    input: string,
    options: RunOptions,
    decode: (text: string) => unknown,
    watcher?: RunWatcher,
  ): Promise<Run> {
    if (this.#isDisposed) throw new MayflyError("worker.disposed", "the worker was disposed; it can't run again")
    checkRunOptions(options)
    const { tenant, network } = this.#options
    const limits = parseLimits(options.limits, this.#options.limits)
    const id = `run_${randomUUID().replaceAll("-", "")}`
    const record = new RunRecord({
      id,
      tenant,
      limits,
      network,
      env: this.#env,
      egress: this.#runtime.egress,
      stack: this.#stack,
      ...(watcher === undefined ? {} : { watcher }),
    })
    if (options.signal?.aborted === true) return this.#finish(id, record, limits, { ...unused, kind: "aborted" }, input, decode, options)
    const props = options.props === undefined ? "j{}" : encodeGiven(options.props, "props")
    const request = { id, tenant, program: this.#compiled, call, limits, input, env: this.#env.encoded, props }
    const outcome = await this.#runtime.pool.run(request, record, options.signal).finally(() => record.close())
    return this.#finish(id, record, limits, outcome, input, decode, options)
  }

  #finish(
    id: string,
    record: RunRecord,
    limits: Limits,
    outcome: PoolOutcome,
    input: string,
    decode: (text: string) => unknown,
    options: RunOptions,
  ): Run {
    const outputBytes = outcome.kind === "result" ? outcome.text.length : 0
    const common = {
      id,
      logs: record.logs,
      ...(record.logsTruncated ? { logsTruncated: true as const } : {}),
      usage: record.usage(outcome, input.length - 1, Math.max(0, outputBytes - 1)),
      egress: record.egress,
    } satisfies { id: string; logs: readonly LogLine[]; usage: unknown; egress: readonly LedgerRow[]; logsTruncated?: true }
    const failed = { limits, stack: this.#stack, hasEffects: record.hasEffects, abortReason: options.signal?.reason, answeredCodes: record.answeredCodes }
    if (outcome.kind !== "result") return { ...common, ok: false, error: runError(outcome, failed) }
    try {
      return { ...common, ok: true, result: decode(outcome.text) }
    } catch (error) {
      if (error instanceof MayflyError) return { ...common, ok: false, error }
      const crash = { ...outcome, kind: "crashed", reason: "the result can't be read", isSuspect: true } as const
      return { ...common, ok: false, error: runError(crash, failed) }
    }
  }

  /** Lets go of the program. Runs under way go on; later ones are `worker.disposed`. Disposing twice is safe. */
  async dispose(): Promise<void> {
    this.#isDisposed = true
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose()
  }
}

const unused = { cpuMs: 0, wallMs: 0, peakMemoryBytes: 0 }

function encodeGiven(value: unknown, root: string): string {
  try {
    return encodeValue(value, { root, stacks: false, maxLength: maxInputBytes })
  } catch (error) {
    if (error instanceof CloneError) throw new MayflyError("worker.not-serializable", error.message, { details: { path: error.path } })
    if (!(error instanceof CloneTooLargeError)) throw error
    throw new MayflyError("input.invalid", `${root} is larger than ${maxInputBytes} bytes`, { details: { path: root, limit: maxInputBytes } })
  }
}

function checkRunOptions(options: RunOptions): void {
  for (const name of Object.keys(options)) {
    if (runOptionNames.includes(name)) continue
    throw new MayflyError("input.invalid", `${name} is not a run option; the options are ${runOptionNames.join(", ")}`, {
      details: { path: name },
    })
  }
}
