import { MayflyError, type Run, type RunEvent, type RunOptions, type WorkerOptions } from "@mayfly/protocol"
import { RemoteValues } from "@mayfly/protocol/remote"
import { boundEnv } from "./bound-env.ts"
import { defaultPlatform } from "./default-platform.ts"
import { encodeGiven } from "./encode-given.ts"
import { Handoff } from "./handoff.ts"
import type { RemotePlatform } from "./remote-platform.ts"
import { refusal, RemoteProgram, type RunStub, type WorkerStub } from "./remote-program.ts"
import { sessionError } from "./session.ts"

/** As in the library, with a connection to a server as the platform. Functions of `env` run here, in the client; the server calls them for the program. */
export interface DynamicWorkerOptions extends WorkerOptions {
  /** Default: the server of MAYFLY_URL and MAYFLY_KEY. */
  readonly platform?: RemotePlatform
}

/** How long a run that was cancelled may take to say how it ended. */
const lastWordsMs = 10_000

/** A program on a server, compiled once, run as often as wanted: each time in a fresh isolate. The same shape as the library's class. */
export class DynamicWorker implements AsyncDisposable {
  /** Content hash of the compiled program. */
  readonly hash: string
  readonly #program: RemoteProgram
  readonly #values: RemoteValues
  #isDisposed = false
  #underWay = 0

  private constructor(program: RemoteProgram, values: RemoteValues, hash: string) {
    this.#program = program
    this.#values = values
    this.hash = hash
  }

  /** Rejects as in the library, and with `client.unreachable`, `auth.*`. */
  static async create(options: DynamicWorkerOptions): Promise<DynamicWorker> {
    const { platform, env, ...rest } = options
    const values = new RemoteValues()
    const given = encodeGiven(values, { ...rest, ...(env === undefined ? {} : { env: boundEnv(env) }) })
    const program = new RemoteProgram((platform ?? defaultPlatform()).session, values, given)
    const { hash } = await program.offer()
    return new DynamicWorker(program, values, hash)
  }

  /** The program's result. Rejects with a coded error. */
  async run(input?: unknown, options: RunOptions = {}): Promise<unknown> {
    const run = await this.execute(input, options)
    if (run.ok) return run.result
    throw run.error
  }

  /** The whole run. Never rejects for what the program did. A connection that breaks is `client.disconnected`; the next call opens another. */
  async execute(input?: unknown, options: RunOptions = {}): Promise<Run> {
    return this.#execute({ input }, options)
  }

  /** Like `execute` for a fetch handler; the result is `{ status, headers, body }`, the body whole. */
  async executeRequest(request: Request | string | URL, options: RunOptions = {}): Promise<Run> {
    return this.#execute({ request: requestOf(request) }, options)
  }

  /** Logs, egress and yielded values as they happen, then the result or the error. Leaving the loop cancels the run. */
  async *stream(input?: unknown, options: RunOptions = {}): AsyncGenerator<RunEvent, void, void> {
    yield* this.#stream({ input }, options)
  }

  /** Like `stream`, for a fetch handler. */
  async *streamRequest(
    request: Request | string | URL,
    options: RunOptions = {},
  ): AsyncGenerator<RunEvent, void, void> {
    yield* this.#stream({ request: requestOf(request) }, options)
  }

  /** Calls the program's fetch handler. Bodies stream in both directions. */
  async fetch(
    request: Request | string | URL,
    init: RequestInit & { readonly reuse?: boolean } = {},
  ): Promise<Response> {
    const { reuse = false, ...rest } = init
    const { signal, ...given } = rest
    using worker = await this.#open(signal)
    const stub = worker.stub.fetch(new Request(request, given), this.#values.encode({ reuse }))
    const cancel = (): void => void stub.cancel().catch(() => {})
    signal?.addEventListener("abort", cancel, { once: true })
    try {
      const { response, error } = await stub.ended()
      if (response === undefined) throw refusal(this.#values.decode(error))
      return response
    } catch (error) {
      signal?.throwIfAborted()
      throw sessionError(error)
    } finally {
      stub[Symbol.dispose]()
    }
  }

  /** Makes isolates with the program's modules evaluated, for later runs with `reuse`. */
  async prewarm(count: number): Promise<void> {
    using worker = await this.#open()
    const { error } = await worker.stub.prewarm(count).catch((cause: unknown) => {
      throw sessionError(cause)
    })
    if (error !== undefined) throw refusal(this.#values.decode(error))
  }

  /** Lets go of the program on the server. Runs under way go on; later ones are `worker.disposed`. Disposing twice is safe. */
  async dispose(): Promise<void> {
    this.#isDisposed = true
    if (this.#underWay === 0) this.#program[Symbol.dispose]()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose()
  }

  /** The worker on the server, for one call: it stays until that is over. */
  async #open(signal?: AbortSignal | null): Promise<Disposable & { readonly stub: WorkerStub }> {
    if (this.#isDisposed) throw new MayflyError("worker.disposed", "the worker was disposed; it can't run again")
    this.#underWay++
    const end = (): void => {
      this.#underWay--
      if (this.#isDisposed && this.#underWay === 0) this.#program[Symbol.dispose]()
    }
    try {
      const { stub } = await untilAborted(this.#program.offer(), signal ?? undefined)
      return { stub, [Symbol.dispose]: end }
    } catch (error) {
      end()
      throw error
    }
  }

  async #execute(given: object, { signal, ...options }: RunOptions): Promise<Run> {
    using worker = await this.#open(signal)
    return await this.#ended(worker.stub.execute(encodeGiven(this.#values, { ...given, ...options })), signal)
  }

  async *#stream(given: object, { signal, ...options }: RunOptions): AsyncGenerator<RunEvent, void, void> {
    const events = new Handoff<RunEvent>()
    const sink = (event: unknown): Promise<void> => events.put(this.#values.decode(event) as RunEvent)
    using worker = await this.#open(signal)
    const stub = worker.stub.stream(encodeGiven(this.#values, { ...given, ...options }), sink)
    const ended = this.#ended(stub, signal).finally(() => events.close())
    ended.catch(() => {})
    let isOver = false
    try {
      yield* events
      const run = await ended
      isOver = true
      yield run.ok ? { type: "result", result: run.result, run } : { type: "error", error: run.error, run }
    } finally {
      if (!isOver) await stub.cancel().catch(() => {})
      events.close()
    }
  }

  async #ended(stub: RunStub, signal: AbortSignal | undefined): Promise<Run> {
    const cancel = (): void => void stub.cancel().catch(() => {})
    if (signal?.aborted === true) cancel()
    signal?.addEventListener("abort", cancel, { once: true })
    try {
      const { run, error } = await untilAborted(stub.ended(), signal, lastWordsMs)
      if (error !== undefined) throw refusal(this.#values.decode(error))
      const given = this.#values.decode(run) as Run
      return given.ok ? given : { ...given, error: refusal(given.error) }
    } catch (error) {
      throw sessionError(error)
    } finally {
      signal?.removeEventListener("abort", cancel)
      // Else both sides keep it for as long as the connection lasts.
      stub[Symbol.dispose]()
    }
  }
}

/** What a promise gives; `worker.aborted` when the signal fires and it has not come `graceMs` later. */
async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined, graceMs = 0): Promise<T> {
  if (signal === undefined) return promise
  const { promise: late, reject } = Promise.withResolvers<never>()
  let timer: ReturnType<typeof setTimeout> | undefined
  const giveUp = (): void => {
    const error = new MayflyError("worker.aborted", "the run was cancelled; how it ended is not known", {
      cause: signal.reason,
    })
    timer = setTimeout(() => reject(error), graceMs)
  }
  if (signal.aborted) giveUp()
  else signal.addEventListener("abort", giveUp, { once: true })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
    signal.removeEventListener("abort", giveUp)
  }
}

function requestOf(given: Request | string | URL): Request {
  return given instanceof Request ? given : new Request(given)
}
