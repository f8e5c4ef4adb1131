import { encodedUndefined, encodePlain } from "@mayfly/protocol/clone/plain"
import type { Buffers, Session } from "../bridge/session.ts"
import { reviveFailure } from "./call-failure.ts"
import type { ChunkName, Kernel, LoadChunk, LogLevel, PendingRequest } from "./kernel.ts"
import type { LogSink } from "./log-sink.ts"
import type { Outbox, OutboxOp } from "./outbox.ts"
import type { Rich } from "./web/rich-chunk.ts"

/** Answers a small question at once. Bounded by the host; gives null when it refuses. */
export type AskHost = (question: string, argument: string | number) => string | ArrayBuffer | null

/** An operation of the object's storage; the isolate's thread waits for `+` and the answer, or `-` and a failure. */
export type Store = (payload: string) => string

const operations = { subtle: "S", fetch: "F", call: "B" } as const satisfies Record<string, OutboxOp>
const maxTimers = 20_000
const maxOperations = 10_000

// Taken at evaluation, before guest code can replace them.
const { defineProperty, getOwnPropertyDescriptor } = Reflect
const PromiseOf = Promise
const { parse } = JSON
const ErrorOf = Error
const TypeErrorOf = TypeError
// Called under another name, so that it evaluates in the global scope.
const evaluate = eval

/** What is done with an answer. */
type Settle = (ok: boolean, text: string, buffers: Buffers) => void

interface Importing {
  resolve(namespace: unknown): void
  reject(error: unknown): void
}

/** The kernel of one isolate, with the ends that the host speaks to. */
export class GuestKernel implements Kernel {
  #session: Session | undefined
  /** The evaluated program's exports; nothing before. */
  namespace: Readonly<Record<string, unknown>> = {}
  readonly outbox: Outbox
  readonly logs: LogSink
  readonly #ask: AskHost
  readonly store: Store
  readonly #preloaded = new Map<string, LoadChunk>()
  readonly #loaded = new Map<string, Record<string, unknown>>()
  readonly #timers = new Map<number, () => void>()
  readonly #waiting = new Map<number, Settle>()
  readonly #importing = new Map<number, Importing>()
  #nextId = 0

  constructor(outbox: Outbox, logs: LogSink, ask: AskHost, store: Store) {
    this.outbox = outbox
    this.logs = logs
    this.#ask = ask
    this.store = store
  }

  define(name: string, value: unknown): void {
    defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false })
  }

  lazy(chunk: ChunkName, names: readonly string[]): void {
    for (const name of names) this.#lazyGlobal(chunk, name)
  }

  #lazyGlobal(chunk: ChunkName, name: string): void {
    const load = (): void => {
      const exports = this.chunk<Record<string, unknown>>(chunk)
      // Some chunks define their globals themselves.
      if (getOwnPropertyDescriptor(globalThis, name)?.get === get) this.define(name, exports[name])
    }
    const get = (): unknown => {
      load()
      return (globalThis as Record<string, unknown>)[name]
    }
    const set = (value: unknown): void => {
      // First, so that the chunk does not come later and take the program's own value away.
      load()
      this.define(name, value)
    }
    defineProperty(globalThis, name, { get, set, configurable: true, enumerable: false })
  }

  isLoaded(name: ChunkName): boolean {
    return this.#loaded.has(name)
  }

  chunk<Exports>(name: ChunkName): Exports {
    let exports = this.#loaded.get(name)
    if (exports === undefined) {
      const load = this.#preloaded.get(name) ?? this.#compile(name)
      exports = load(this)
      this.#loaded.set(name, exports)
    }
    return exports as Exports
  }

  /** A chunk that nobody foresaw (a global reached by a computed name) is compiled here, on the isolate's own thread. */
  #compile(name: ChunkName): LoadChunk {
    return evaluate(`${this.ask("chunk", name) ?? ""}\n//# sourceURL=mayfly:runtime`) as LoadChunk
  }

  /** Gives a chunk that the host compiled with a code cache. */
  preload(name: ChunkName, load: LoadChunk): void {
    this.#preloaded.set(name, load)
  }

  entropy(byteLength: number): ArrayBuffer {
    const bytes = this.#ask("entropy", byteLength)
    if (typeof bytes !== "object" || bytes === null) throw new TypeErrorOf("too much entropy was asked for")
    return bytes
  }

  ask(question: string, text: string): string | null {
    const answer = this.#ask(question, text)
    return typeof answer === "string" ? answer : null
  }

  request(operation: "subtle" | "fetch" | "call", payload: string): PendingRequest {
    let id = 0
    const answer = new PromiseOf<string>((resolve, reject) => {
      id = this.#start(operations[operation], payload, [], (ok, text) => {
        if (ok) resolve(text)
        else reject(reviveFailure(text))
      })
    })
    return { answer, cancel: () => this.#cancel(id) }
  }

  /** A call of the parent, with bytes beside it and beside its answer. Takes over `buffers`. */
  call(payload: string, buffers: readonly ArrayBuffer[], settle: Settle): void {
    this.#start("B", payload, buffers, settle)
  }

  #start(op: OutboxOp, payload: string, buffers: readonly ArrayBuffer[], settle: Settle): number {
    if (this.#waiting.size >= maxOperations)
      throw new RangeError("too many pending operations: await some before you start more")
    const id = ++this.#nextId
    this.outbox.put(op, id, payload, buffers)
    this.#waiting.set(id, settle)
    return id
  }

  #cancel(id: number): void {
    if (this.#waiting.delete(id)) this.outbox.put("X", id, "")
  }

  /** The host answers operation `id`. A failure is JSON: `{ name?, message, code? }`. */
  answer(id: number, ok: boolean, text: string, buffers: Buffers): void {
    const importing = this.#importing.get(id)
    if (importing !== undefined) {
      this.#importing.delete(id)
      return importing.reject(reviveFailure(text))
    }
    const settle = this.#waiting.get(id)
    if (settle === undefined) return
    this.#waiting.delete(id)
    settle(ok, text, buffers)
  }

  /** Forgets the timers and operations of a run that is over. */
  reset(): void {
    this.#session?.restart()
    // Most runs have none, and emptying a map makes it anew.
    if (this.#timers.size > 0) this.#timers.clear()
    if (this.#waiting.size > 0) this.#waiting.clear()
    if (this.#importing.size > 0) this.#importing.clear()
  }

  /** The bridge to the parent; made when something crosses that is more than JSON. */
  get session(): Session {
    return (this.#session ??= this.rich.createGuestSession(this))
  }

  /** What `env` holds is the worker's, and stays when its run is over. */
  decodeEnv(text: string): unknown {
    const env = this.decode(text)
    this.#session?.pin()
    return env
  }

  get rich(): Rich {
    return this.chunk<Rich>("rich")
  }

  encode(value: unknown): string {
    return encodePlain(value, Infinity) ?? this.session.encode(value)
  }

  decode(text: string): unknown {
    return text[0] === "j" ? parse(text.slice(1)) : this.session.decode(text)
  }

  /** A run's result: data only. */
  encodeResult(value: unknown, maxLength: number): string {
    if (value === undefined) return encodedUndefined
    return encodePlain(value, maxLength) ?? this.rich.encodeValue(value, { root: "result", maxLength })
  }

  clone(value: unknown, transfer: readonly unknown[]): unknown {
    return this.rich.cloneValue(value, transfer)
  }

  setTimer(callback: () => void, ms: number): number {
    if (this.#timers.size >= maxTimers) throw new RangeError("too many timers")
    const id = ++this.#nextId
    this.outbox.put("T", id, `${ms}`)
    this.#timers.set(id, callback)
    return id
  }

  clearTimer(handle: number): void {
    if (this.#timers.delete(handle)) this.outbox.put("C", handle, "")
  }

  fire(id: number): void {
    const callback = this.#timers.get(id)
    this.#timers.delete(id)
    callback?.()
  }

  import(referrer: string, specifier: string): Promise<unknown> {
    const id = ++this.#nextId
    return new PromiseOf((resolve, reject) => {
      this.outbox.put("I", id, `${referrer}\n${specifier}`)
      this.#importing.set(id, { resolve, reject })
    })
  }

  /** The host has the module that import `id` asked for. */
  imported(id: number, namespace: unknown): void {
    const importing = this.#importing.get(id)
    this.#importing.delete(id)
    importing?.resolve(namespace)
  }

  log(level: LogLevel, message: string): void {
    this.logs.write(level, message)
  }

  report(error: unknown): void {
    this.log("error", `Uncaught ${this.describe(error)}`)
  }

  describe(error: unknown): string {
    try {
      if (error instanceof ErrorOf) return error.stack ?? `${error.name}: ${error.message}`
      return typeof error === "object" && error !== null
        ? this.chunk<{ inspect(value: unknown): string }>("inspect").inspect(error)
        : String(error)
    } catch {
      return "a value that can't be shown"
    }
  }
}
