import {
  type Limits,
  type LedgerRow,
  type LogLine,
  MayflyError,
  type NetworkPolicy,
  type Usage,
} from "@mayfly/protocol"
import { RemoteValues } from "@mayfly/protocol/remote"
import { errorFromJson } from "./api-error.ts"
import { boundEnv } from "./bound-env.ts"
import { defaultPlatform } from "./default-platform.ts"
import { encodeGiven } from "./encode-given.ts"
import { Handoff } from "./handoff.ts"
import type { RemotePlatform } from "./remote-platform.ts"
import { sessionError } from "./session.ts"

/** A module as callers give it. */
export type GivenModule =
  | string
  | { readonly js: string }
  | { readonly ts: string }
  | { readonly cjs: string }
  | { readonly text: string }
  | { readonly json: unknown }
  | { readonly data: ArrayBuffer | Uint8Array }
  | { readonly wasm: ArrayBuffer | Uint8Array }

/** As in the library, with a connection to a server as the platform. */
export interface DynamicWorkerOptions {
  /** One program text in any of the five shapes; or `modules` and `mainModule`. */
  readonly script?: string
  readonly modules?: Readonly<Record<string, GivenModule>>
  readonly mainModule?: string
  /** Default "auto". */
  readonly language?: "auto" | "javascript" | "typescript"
  readonly limits?: Partial<Limits>
  /** Default: nothing can be reached. */
  readonly network?: NetworkPolicy
  /** Data, functions, objects of functions, class instances. Functions run here, in the client; the server calls them for the program. */
  readonly env?: Readonly<Record<string, unknown>>
  readonly typecheck?: boolean
  readonly declarations?: string
  /** Default: the key's. */
  readonly tenant?: string
  /** Default: the server of MAYFLY_URL and MAYFLY_KEY. */
  readonly platform?: RemotePlatform
}

export interface RunOptions {
  /** Cancels the run; it ends as `worker.aborted`. */
  readonly signal?: AbortSignal
  readonly limits?: Partial<Limits>
  /** `ctx.props` of the program. */
  readonly props?: unknown
  /** Whether a warm isolate may be used. Default false. */
  readonly reuse?: boolean
  /** Whether the result may hold functions and streams. */
  readonly stubs?: boolean
}

/** One finished run. `result` stands in it only when `ok`, `error` only when not. */
export type Run = {
  readonly id: string
  readonly logs: readonly LogLine[]
  readonly logsTruncated?: true
  readonly usage: Usage
  readonly egress: readonly LedgerRow[]
} & ({ readonly ok: true; readonly result: unknown } | { readonly ok: false; readonly error: MayflyError })

export type RunEvent =
  | ({ readonly type: "log" } & LogLine)
  | { readonly type: "egress"; readonly row: LedgerRow }
  | { readonly type: "value"; readonly value: unknown }
  | { readonly type: "result"; readonly result: unknown; readonly run: Run }
  | { readonly type: "error"; readonly error: MayflyError; readonly run: Run }

interface Stub {
  execute(call: unknown): RunStub
  stream(call: unknown, sink: (event: unknown) => Promise<void>): RunStub
  fetch(request: Request, options: unknown): FetchStub
  prewarm(count: number): Promise<{ error?: unknown }>
  [Symbol.dispose](): void
}

interface RunStub extends Disposable {
  ended(): Promise<{ run?: unknown; error?: unknown }>
  cancel(): Promise<void>
}

interface FetchStub extends Disposable {
  ended(): Promise<{ response?: Response; error?: unknown }>
  cancel(): Promise<void>
}

/** A program on a server, compiled once, run as often as wanted: each time in a fresh isolate. The same shape as the library's class. */
export class DynamicWorker implements AsyncDisposable {
  /** Content hash of the compiled program. */
  readonly hash: string
  readonly #stub: Stub
  readonly #values: RemoteValues
  #isDisposed = false

  private constructor(stub: Stub, values: RemoteValues, hash: string) {
    this.#stub = stub
    this.#values = values
    this.hash = hash
  }

  /** Rejects as in the library, and with `client.unreachable`, `auth.*`. */
  static async create(options: DynamicWorkerOptions): Promise<DynamicWorker> {
    const { platform, env, ...rest } = options
    const session = await (platform ?? defaultPlatform()).session.open()
    const values = new RemoteValues()
    const given = encodeGiven(values, { ...rest, ...(env === undefined ? {} : { env: boundEnv(env) }) })
    try {
      const { worker, hash, error } = await session.createWorker(given)
      if (error !== undefined) throw refusal(values.decode(error))
      return new DynamicWorker(worker as Stub, values, String(hash))
    } catch (error) {
      throw sessionError(error)
    }
  }

  /** The program's result. Rejects with a coded error. */
  async run(input?: unknown, options: RunOptions = {}): Promise<unknown> {
    const run = await this.execute(input, options)
    if (run.ok) return run.result
    throw run.error
  }

  /** The whole run. Never rejects for what the program did. */
  async execute(input?: unknown, options: RunOptions = {}): Promise<Run> {
    const { signal, ...rest } = options
    this.#checkUsable()
    return this.#ended(this.#stub.execute(encodeGiven(this.#values, { input, ...rest })), signal)
  }

  /** Logs, egress and yielded values as they happen, then the result or the error. Leaving the loop cancels the run. */
  async *stream(input?: unknown, options: RunOptions = {}): AsyncGenerator<RunEvent, void, void> {
    const { signal, ...rest } = options
    const events = new Handoff<RunEvent>()
    const sink = (event: unknown): Promise<void> => events.put(this.#values.decode(event) as RunEvent)
    this.#checkUsable()
    const stub = this.#stub.stream(encodeGiven(this.#values, { input, ...rest }), sink)
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

  /** Calls the program's fetch handler. Bodies stream in both directions. */
  async fetch(
    request: Request | string | URL,
    init: RequestInit & { readonly reuse?: boolean } = {},
  ): Promise<Response> {
    const { reuse = false, ...rest } = init
    const { signal, ...given } = rest
    this.#checkUsable()
    const whole = new Request(request, given)
    const stub = this.#stub.fetch(whole, this.#values.encode({ reuse }))
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
    this.#checkUsable()
    const { error } = await this.#stub.prewarm(count)
    if (error !== undefined) throw refusal(this.#values.decode(error))
  }

  /** Lets go of the program on the server. */
  async dispose(): Promise<void> {
    if (this.#isDisposed) return
    this.#isDisposed = true
    this.#stub[Symbol.dispose]()
    this.#values.dispose()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose()
  }

  #checkUsable(): void {
    if (this.#isDisposed) throw new MayflyError("worker.disposed", "the worker was disposed; it can't run again")
  }

  async #ended(stub: RunStub, signal: AbortSignal | undefined): Promise<Run> {
    const cancel = (): void => void stub.cancel().catch(() => {})
    if (signal?.aborted === true) cancel()
    signal?.addEventListener("abort", cancel, { once: true })
    try {
      const { run, error } = await stub.ended()
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

/** What the server says went wrong. */
function refusal(error: unknown): MayflyError {
  return errorFromJson(error) ?? new MayflyError("client.not-mayfly", "the server sent an error without a code")
}
