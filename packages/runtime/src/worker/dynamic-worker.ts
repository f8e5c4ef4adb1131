import { MayflyError, type Run, type RunEvent, type RunOptions } from "@mayfly/protocol"
import type { WorkerResponse } from "../socket/worker-response.ts"
import { collectAnswer, type HandlerAnswer } from "./fetch-run.ts"
import { decodeGuestValue } from "./decode-guest-value.ts"
import { decodeHandlerResult, responseOf } from "./handler-answer.ts"
import { loadWorker } from "./load-worker.ts"
import { streamRun } from "./stream-run.ts"
import { requestToWire, responseToJson, type WireRequest, type WireResponse } from "./wire-message.ts"
import type { DynamicWorkerOptions } from "./worker-options.ts"
import { type RunHooks, runWorker, type WorkerParts } from "./worker-run.ts"

/** A program of an agent's, compiled once, run as often as wanted: each time in a fresh isolate that sees only what it was given. */
export class DynamicWorker implements AsyncDisposable {
  /** Content hash of the compiled program. */
  readonly hash: string
  readonly #parts: WorkerParts
  #isDisposed = false

  private constructor(parts: WorkerParts) {
    this.hash = parts.compiled.hash
    this.#parts = parts
  }

  /**
   * Checks the options and compiles the program. Rejects with `input.invalid` for a wrong option, `worker.syntax` (file, line, column, source line)
   * or `worker.module-not-found` for a wrong program, `worker.not-serializable` for an `env` that can't be passed.
   */
  static async create(options: DynamicWorkerOptions): Promise<DynamicWorker> {
    return new DynamicWorker(await loadWorker(options))
  }

  /** The program's result; of a generator, an array of what it yields. Rejects with a coded error. */
  async run(input?: unknown, options: RunOptions = {}): Promise<unknown> {
    const run = await this.execute(input, options)
    if (run.ok) return run.result
    throw run.error
  }

  /** The whole run: result or error, logs, usage, egress. Never rejects for what the guest did. */
  async execute(input?: unknown, options: RunOptions = {}): Promise<Run> {
    return this.#run(input, options, { decode: (text, session) => session.decodeResult(text) })
  }

  /**
   * Calls the program's fetch handler. Bodies stream in both directions: the request's as the handler reads it, the response's as the caller reads
   * it; cancelling either reaches the other side. Rejects with a coded error when the handler fails before it answers; a body that fails later
   * errors with it. A response that upgrades has a `webSocket`, to be accepted or passed on; the run lasts until it is closed.
   */
  async fetch(
    request: Request | string | URL,
    init?: RequestInit & { readonly reuse?: boolean },
  ): Promise<WorkerResponse> {
    const { reuse = false, ...rest } = init ?? {}
    const given = new Request(request, rest)
    const wire = await requestToWire(given)
    return responseOf((onAnswer) => this.#handle(wire, { signal: given.signal, reuse }, onAnswer))
  }

  /** Like `execute` for a fetch handler; the result is `{ status, headers, body }`, the body whole. */
  async executeRequest(request: Request | string | URL, options: RunOptions = {}): Promise<Run> {
    return this.#wholeRequest(await requestToWire(request), options)
  }

  /**
   * Logs, egress and the values that the program yields as they happen, then the result (of a generator: what it returns) or the error. Leaving the
   * loop cancels the run: a generator's `finally` blocks have run then, or a second is over.
   */
  async *stream(input?: unknown, options: RunOptions = {}): AsyncGenerator<RunEvent, void, void> {
    const decode = (text: string): unknown => decodeGuestValue(text)
    yield* streamRun(options, (given, hooks) => this.#run(input, given, { ...hooks, decode, gives: "values" }))
  }

  /** Like `stream`, for a fetch handler. */
  async *streamRequest(
    request: Request | string | URL,
    options: RunOptions = {},
  ): AsyncGenerator<RunEvent, void, void> {
    const wire = await requestToWire(request)
    yield* streamRun(options, (given, hooks) => this.#wholeRequest(wire, given, hooks))
  }

  async #run(input: unknown, options: RunOptions, hooks: RunHooks): Promise<Run> {
    this.#checkUsable()
    return runWorker(this.#parts, "run", input, options, hooks)
  }

  async #handle(
    request: WireRequest,
    options: RunOptions,
    onAnswer: (answer: HandlerAnswer) => void,
    hooks: Partial<RunHooks> = {},
  ): Promise<Run> {
    this.#checkUsable()
    return runWorker(this.#parts, "fetch", request, options, { ...hooks, decode: decodeHandlerResult, onAnswer })
  }

  async #wholeRequest(request: WireRequest, options: RunOptions, hooks?: Partial<RunHooks>): Promise<Run> {
    let streamed: Promise<WireResponse> | undefined
    const collect = (answer: HandlerAnswer): void => {
      streamed = collectAnswer(answer)
      // Its failure is looked at below, when the run is over.
      streamed.catch(() => {})
    }
    const run = await this.#handle(request, options, collect, hooks)
    try {
      const response = (await streamed) ?? (run.ok ? (run.result as WireResponse) : undefined)
      return run.ok && response !== undefined ? { ...run, result: responseToJson(response) } : run
    } catch (error) {
      return run.ok && error instanceof MayflyError ? failedRun(run, error) : run
    }
  }

  /** Makes `count` isolates with the program's modules evaluated, for later runs with `reuse`. Rejects when the program fails to load. */
  async prewarm(count: number): Promise<void> {
    this.#checkUsable()
    if (!Number.isInteger(count) || count < 1 || count > maxPrewarm) {
      throw new MayflyError("input.invalid", `prewarm takes a whole number from 1 to ${maxPrewarm}`, {
        details: { path: "count" },
      })
    }
    const decode = (): undefined => undefined
    const warmed = Array.from({ length: count }, () =>
      runWorker(this.#parts, "prewarm", undefined, { reuse: true }, { decode }),
    )
    for (const run of await Promise.all(warmed)) if (!run.ok) throw run.error
  }

  #checkUsable(): void {
    if (this.#isDisposed) throw new MayflyError("worker.disposed", "the worker was disposed; it can't run again")
  }

  /** Lets go of the program. Runs under way go on; later ones are `worker.disposed`. Disposing twice is safe. */
  async dispose(): Promise<void> {
    this.#isDisposed = true
    this.#parts.cache.clear()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose()
  }
}

/** More than hosts keep would only push each other out. */
const maxPrewarm = 64

/** The program did its part, but what came of it can't be used. */
function failedRun({ id, logs, logsTruncated, usage, egress }: Run, error: MayflyError): Run {
  return { id, logs, ...(logsTruncated ? { logsTruncated } : {}), usage, egress, ok: false, error }
}
