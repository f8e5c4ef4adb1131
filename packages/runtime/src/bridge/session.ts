import { sessionClosed } from "./session-closed.ts"
import { decodeValue, type EncodeOptions, encodeValue } from "@mayfly/protocol/clone"
import { RpcTarget } from "./rpc-target.ts"
import { iterableFrom, iteratorOf, IteratorTarget } from "./iterator-target.ts"

/** Bytes that travel beside a text; it refers to each by its place, once. */
export type Buffers = (ArrayBuffer | undefined)[]

/** An encoded value. */
export interface Packed {
  readonly text: string
  readonly buffers: ArrayBuffer[]
}

export interface EncodingOptions extends EncodeOptions {
  /** Which capabilities may pass. Default: all. */
  readonly only?: (value: object) => boolean
}

/** Carries a session's messages to the other side, in order. Texts are encoded values. */
export interface Wire {
  /** Calls `method` of the other side's export `target`, or the export itself when `method` is "". */
  call(id: number, target: number, method: string, args: Packed): void
  answer(id: number, ok: boolean, answer: Packed): void
  /** This side has let go of the other's export, which it had been sent `count` times. */
  release(target: number, count: number): void
}

/** Classes of this side that travel in a form of their own: streams, requests, signals. */
export interface Specials {
  /** A text that `import` of the other side understands, or undefined for anything else. */
  export(value: object, session: Session): string | undefined
  import(text: string, session: Session): unknown
}

export interface SessionOptions {
  readonly wire: Wire
  readonly specials?: Specials
  /** Whether an object of a class is passed as a stub of its methods. Others are their own data. */
  isTarget(value: object): boolean
  /** Name, message and code of a failure, as JSON. */
  describe(error: unknown): string
  /** The error for such a text. */
  revive(text: string): Error
  /** The failure of a stub that stands for nothing any more. */
  expired(message: string): Error
  /** Calls `gone` some time after nobody holds the stub any more. */
  watch(stub: object, gone: () => void): void
  /** The most bytes that one pull of a stream of the other side should bring, besides its last chunk. Default 1 MiB, which is the most. */
  readonly maxBatch?: number
  /** The longest encoded answer to a call of the other side. Default: any. */
  readonly maxAnswer?: number
  /** Reads what the other side sent. Default: however much it is. */
  readonly decode?: typeof decodeValue
  /** Whether error stacks go along. */
  readonly stacks: boolean
  /** Exports that are there from the start: a worker's `env` is the same in all of its runs. */
  base?(id: number): object | undefined
  /** A number that no export of the base has, nor one of any session with the same other side. Default: from 1. */
  nextExport?(): number
  /** What is exported in the place of another object. */
  standIn?(value: object): object | undefined
  /** How an export is called in messages. */
  nameOf?(id: number): string | undefined
}

interface Closable {
  [sessionClosed]?(reason: Error): void
}

type Callable = (...args: unknown[]) => unknown

interface Exported {
  readonly value: object
  /** How often it was sent and not released. */
  count: number
}

interface Waiting {
  resolve(value: unknown): void
  reject(error: unknown): void
}

/** Far more than an honest program holds at once; what a hostile one may cost this side. */
const maxExports = 10_000
const maxWaiting = 10_000
/** Batches that the streams of one session read ahead, all together. */
const maxAhead = 16

// Taken at evaluation: this file also runs inside isolates, where guest code may replace intrinsics later.
const { apply, defineProperty, get, isExtensible, ownKeys } = Reflect
const { isArray } = Array
const PromiseOf = Promise
const ProxyOf = Proxy
const RangeErrorOf = RangeError
const SetOf = Set
const TypeErrorOf = TypeError
const dispose: symbol = (Symbol as { dispose?: symbol }).dispose ?? Symbol.for("dispose")
const hiddenNames = new Set<unknown>([...ownKeys(Object.prototype), "then"])

/** What stubs of objects are instances of: it keeps them apart from data, and another session passes them on by reference. */
class RpcStub extends RpcTarget {}

/**
 * Object capabilities between two sides that do not trust each other: what one side exports the other can call, nothing else. Modelled on
 * capnweb's tables (exports by number, counted imports, explicit release), on our clone format. Both ends run this code.
 */
export class Session {
  readonly #options: SessionOptions
  readonly #exports = new Map<number, Exported>()
  readonly #exportIds = new Map<object, number>()
  readonly #importIds = new WeakMap<object, number>()
  readonly #imports = new Map<number, { stub: WeakRef<object>; count: number }>()
  readonly #waiting = new Map<number, Waiting>()
  /** Where the bytes of the message are that is being written or read. */
  #buffers: Buffers | undefined
  #nextExport = 1
  /** Streams that are read ahead of their reader. */
  #ahead = 0
  #nextCall = 0
  #sent = 0
  /** Calls of the other side that are not answered yet. */
  #performing = 0
  #onQuiet: (() => void) | undefined
  /** Stubs that outlive a restart. */
  #pinned = new Set<number>()
  #generation = 0
  #closed: { readonly reason: () => Error; readonly stubs: () => Error } | undefined

  constructor(options: SessionOptions) {
    this.#options = options
  }

  /** Encodes a value, exporting the capabilities in it: all, or those that `only` accepts. Its bytes stand in the text. */
  encode(value: unknown, options: EncodingOptions = {}): string {
    return this.#within(undefined, () => this.encodePart(value, options))
  }

  /** Encodes a value, with its larger bytes beside the text. */
  pack(value: unknown, options: EncodingOptions = {}): Packed {
    const buffers: ArrayBuffer[] = []
    return { text: this.#within(buffers, () => this.encodePart(value, options)), buffers }
  }

  /** For specials: a part of the value that is being encoded. */
  encodePart(value: unknown, options: EncodingOptions = {}): string {
    const { stacks } = this.#options
    const { only, ...given } = options
    const beside = this.#buffers === undefined ? {} : { buffers: this.#buffers as ArrayBuffer[] }
    const onCapability = (capability: object): string | undefined =>
      only === undefined || only(capability) ? this.#export(capability) : undefined
    return encodeValue(value, { ...given, ...beside, stacks, onCapability })
  }

  /** Decodes a value of the other side, with stubs for its capabilities. Takes what it needs out of `buffers`. */
  decode(text: string, buffers?: Buffers): unknown {
    return this.#within(buffers, () => this.decodePart(text))
  }

  /** For specials: a part of the value that is being decoded. */
  decodePart(text: string): unknown {
    return this.#decode(text, undefined)
  }

  /** A getter of a value may start another message while this one is written. */
  #within<Result>(buffers: Buffers | undefined, act: () => Result): Result {
    const outer = this.#buffers
    this.#buffers = buffers
    try {
      return act()
    } finally {
      this.#buffers = outer
    }
  }

  #decode(text: string, held: number[] | undefined): unknown {
    const beside = this.#buffers === undefined ? {} : { buffers: this.#buffers }
    const decode = this.#options.decode ?? decodeValue
    return decode(text, { ...beside, onStub: (stub) => this.#import(stub, held) })
  }

  /** The same for what the other side answered: the value can be disposed, and its stubs with it. */
  decodeAnswer(text: string, buffers?: Buffers): unknown {
    const held: number[] = []
    const value = this.#within(buffers, () => this.#decode(text, held))
    return held.length === 0 ? value : disposable(value, () => this.#dispose(held))
  }

  #dispose(held: readonly number[]): void {
    for (let at = 0; at < held.length; at++) this.release(held[at] as number)
  }

  /** Calls `quiet` once, when the other side holds nothing of this one and waits for nothing. */
  whenQuiet(quiet: () => void): void {
    this.#onQuiet = quiet
    this.#checkQuiet()
  }

  #checkQuiet(): void {
    if (this.#performing > 0 || this.#exports.size > 0) return
    const quiet = this.#onQuiet
    this.#onQuiet = undefined
    quiet?.()
  }

  /** Calls of this side that wait for their answer. */
  get waitingCount(): number {
    return this.#waiting.size
  }

  /** How many objects the other side holds, those of the base not counted. */
  get exportCount(): number {
    return this.#exports.size
  }

  /** How often something was exported. */
  get sentCount(): number {
    return this.#sent
  }

  /** What the other side knows by this number. */
  exported(id: number): object | undefined {
    return this.#exports.get(id)?.value
  }

  /** Exports one object and gives its number: specials use it for their parts. */
  exportTarget(value: object): number {
    this.#sent++
    const known = this.#exportIds.get(value)
    if (known !== undefined) {
      ;(this.#exports.get(known) as Exported).count++
      return known
    }
    if (this.#exports.size >= maxExports) throw new RangeErrorOf("too many functions and streams were passed at once")
    const id = this.#options.nextExport?.() ?? this.#nextExport++
    this.#exports.set(id, { value, count: 1 })
    this.#exportIds.set(value, id)
    return id
  }

  #export(given: object): string | undefined {
    const value = this.#options.standIn?.(given) ?? given
    const imported = this.#importIds.get(value)
    // A stub that goes back to where it came from is the thing itself there.
    if (imported !== undefined) return `b${imported}`
    const special = this.#options.specials?.export(value, this)
    if (special !== undefined) return `s${special}`
    if (typeof value === "function") return `f${this.exportTarget(value)}`
    if (this.#options.isTarget(value)) return `o${this.exportTarget(value)}`
    const iterator = iteratorOf(value)
    return iterator === undefined ? undefined : `i${this.exportTarget(new IteratorTarget(iterator))}`
  }

  #import(stub: string, held?: number[]): unknown {
    const kind = stub[0]
    if (kind === "s" && this.#options.specials !== undefined) return this.#options.specials.import(stub.slice(1), this)
    const id = Number(stub.slice(1))
    if (kind === "b") return this.#own(id)
    if (held !== undefined) held[held.length] = id
    if (kind === "f") return this.#stub(id, () => this.#functionStub(id))
    if (kind === "o") return this.#stub(id, () => this.#objectStub(id))
    if (kind === "i") return this.#stub(id, () => iterableFrom(this, id))
    throw new TypeErrorOf("malformed clone: unknown stub")
  }

  #own(id: number): object {
    const value = this.#exports.get(id)?.value ?? this.#options.base?.(id)
    if (value === undefined) throw new TypeErrorOf("there is no such function any more")
    return value
  }

  #stub(id: number, make: () => object): object {
    const known = this.#imports.get(id)
    const alive = known?.stub.deref()
    if (known !== undefined && alive !== undefined) {
      known.count++
      return alive
    }
    const stub = make()
    this.#imports.set(id, { stub: new WeakRef(stub), count: (known?.count ?? 0) + 1 })
    this.#importIds.set(stub, id)
    this.#options.watch(stub, () => this.#letGo(id))
    return stub
  }

  /** Only when no newer stub for the same export has been made meanwhile. */
  #letGo(id: number): void {
    const imported = this.#imports.get(id)
    if (imported !== undefined && imported.stub.deref() === undefined) this.release(id)
  }

  /** Tells the other side that its export is not needed any more. */
  release(id: number): void {
    const imported = this.#imports.get(id)
    if (imported === undefined) return
    this.#imports.delete(id)
    if (this.#closed === undefined) this.#options.wire.release(id, imported.count)
  }

  /** The same for an export that travelled inside a special, a stream for instance: each crossing is an export of its own. */
  drop(id: number): void {
    if (this.#closed === undefined) this.#options.wire.release(id, 1)
  }

  #functionStub(id: number): object {
    const stub = (...args: unknown[]): Promise<unknown> => this.#callStub(id, "", args)
    return disposable(stub, () => this.release(id)) as object
  }

  /** Numbers are never used again, so a stub that was let go of can't become another. */
  #callStub(id: number, method: string, args: readonly unknown[]): Promise<unknown> {
    if (this.#closed !== undefined) return PromiseOf.reject(this.#closed.stubs())
    if (!this.#imports.has(id))
      return PromiseOf.reject(this.#options.expired("the stub was disposed, or its run is over"))
    return this.call(id, method, args)
  }

  #objectStub(id: number): object {
    const methods = new Map<string, Callable>()
    const method = (name: string): Callable => {
      let stub = methods.get(name)
      if (stub === undefined) methods.set(name, (stub = (...args) => this.#callStub(id, name, args)))
      return stub
    }
    return new ProxyOf(new RpcStub(), {
      get: (_, name) => {
        if (name === dispose) return () => this.release(id)
        // Awaiting a stub must not call its `then`.
        return typeof name === "symbol" || name === "then" ? undefined : method(name)
      },
      set: () => false,
      defineProperty: () => false,
      setPrototypeOf: () => false,
    })
  }

  get maxBatch(): number | undefined {
    return this.#options.maxBatch
  }

  /** Room to hold one batch of a stream that nobody has asked for yet; undefined when enough is held. The caller gives it back, once. */
  readAhead(): (() => void) | undefined {
    if (this.#ahead >= maxAhead) return undefined
    const generation = this.#generation
    this.#ahead++
    return () => {
      if (this.#generation === generation) this.#ahead--
    }
  }

  /** Calls an export of the other side. Rejects with its error, or when the session is closed. */
  call(target: number, method: string, args: readonly unknown[]): Promise<unknown> {
    return new PromiseOf((resolve, reject) => {
      if (this.#closed !== undefined) return reject(this.#closed.reason())
      if (this.#waiting.size >= maxWaiting)
        return reject(new RangeErrorOf("too many pending calls: await some before you start more"))
      const packed = this.pack(args, { root: "arguments" })
      const id = ++this.#nextCall
      this.#waiting.set(id, { resolve, reject })
      this.#options.wire.call(id, target, method, packed)
    })
  }

  /** The other side's answer to call `id`. An answer that nobody waits for is ignored. */
  onAnswer(id: number, ok: boolean, text: string, buffers: Buffers = []): void {
    const waiting = this.#waiting.get(id)
    if (waiting === undefined) return
    this.#waiting.delete(id)
    try {
      if (ok) waiting.resolve(this.decodeAnswer(text, buffers))
      else waiting.reject(this.#options.revive(text))
    } catch (error) {
      waiting.reject(error)
    }
  }

  /** The other side calls. Never throws; always answers, unless the session is closed meanwhile. */
  async onCall(id: number, target: number, method: string, args: string, buffers: Buffers = []): Promise<void> {
    const generation = this.#generation
    this.#performing++
    const answer = await this.perform(target, method, args, buffers)
    // The call was another run's: its answer would be taken for one of this run's.
    if (this.#generation !== generation) return
    this.#performing--
    if (this.#closed !== undefined) return
    this.#options.wire.answer(id, answer.ok, answer)
    this.#checkQuiet()
  }

  /** Calls an export of this side for the other. Failures are answers, too. */
  async perform(
    target: number,
    method: string,
    args: string,
    buffers: Buffers = [],
  ): Promise<Packed & { readonly ok: boolean }> {
    try {
      const values = this.decode(args, buffers)
      if (!isArray(values)) throw new TypeErrorOf("malformed arguments")
      const result: unknown = await invoke(this.#own(target), method, values as unknown[])
      return { ok: true, ...this.pack(result, this.#answerOptions(target, method)) }
    } catch (error) {
      return { ok: false, text: this.#options.describe(error), buffers: [] }
    }
  }

  #answerOptions(target: number, method: string): EncodeOptions {
    const { maxAnswer } = this.#options
    return { root: this.#resultName(target, method), ...(maxAnswer === undefined ? {} : { maxLength: maxAnswer }) }
  }

  #resultName(target: number, method: string): string {
    const name = this.#options.nameOf?.(target)
    if (name !== undefined) return method === "" ? `${name}()` : `${name}.${method}()`
    return method === "" ? "result" : `${method}()`
  }

  onRelease(target: number, count: number): void {
    const exported = this.#exports.get(target)
    if (exported === undefined) return
    exported.count -= count
    if (exported.count > 0) return
    this.#exports.delete(target)
    this.#exportIds.delete(exported.value)
    this.#checkQuiet()
  }

  /** From now on the stubs that are there now outlive a restart. */
  pin(): void {
    this.#pinned = new SetOf(this.#imports.keys())
  }

  /** Another run begins on the same side: all but the pinned stubs is forgotten, and calls of forgotten stubs are expired. */
  restart(): void {
    this.#generation++
    this.#performing = 0
    this.#ahead = 0
    this.#onQuiet = undefined
    this.#waiting.clear()
    this.#exports.clear()
    this.#exportIds.clear()
    for (const id of this.#imports.keys()) if (!this.#pinned.has(id)) this.#imports.delete(id)
  }

  /**
   * Ends everything: pending and later calls reject with what `reason` makes, later calls of stubs with what `stubs` makes. They are asked only when
   * there are any: an error costs a stack.
   */
  close(reason: () => Error, stubs: () => Error = reason): void {
    if (this.#closed !== undefined) return
    this.#closed = { reason, stubs }
    for (const waiting of this.#waiting.values()) waiting.reject(reason())
    this.#waiting.clear()
    for (const { value } of this.#exports.values()) (value as Closable)[sessionClosed]?.(reason())
    this.#exports.clear()
    this.#exportIds.clear()
    this.#imports.clear()
  }
}

/** The value with a method that lets go of what came with it; one that can't take it (text, a stub) is given as it is. */
function disposable(value: unknown, release: () => void): unknown {
  const canHold = (typeof value === "object" && value !== null) || typeof value === "function"
  if (canHold && isExtensible(value)) defineProperty(value, dispose, { value: release, configurable: true })
  return value
}

/** Only methods that the author wrote: nothing inherited from Object, no constructor, no accessors' values other than functions. */
function invoke(target: object, method: string, args: unknown[]): unknown {
  if (method === "") {
    if (typeof target !== "function") throw new TypeErrorOf("this can't be called; call one of its methods")
    return apply(target, undefined, args)
  }
  const value: unknown = hiddenNames.has(method) ? undefined : get(target, method)
  if (typeof target === "function" || typeof value !== "function")
    throw new TypeErrorOf(`there is no method "${method.slice(0, 100)}"`)
  return apply(value, target, args)
}
