import { decodeValue, type EncodeOptions, encodeValue } from "@mayfly/protocol/clone"

/** Bytes that travel beside a text; it refers to each by its place, once. */
export type Buffers = (ArrayBuffer | undefined)[]

/** An encoded value. */
export interface Packed {
  readonly text: string
  readonly buffers: ArrayBuffer[]
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
  /** Calls `gone` some time after nobody holds the stub any more. */
  watch(stub: object, gone: () => void): void
  /** The longest encoded answer to a call of the other side. Default: any. */
  readonly maxAnswer?: number
  /** Whether error stacks go along. */
  readonly stacks: boolean
  /** Exports that are there from the start, below `firstExport`: a worker's `env` is the same in all of its runs. */
  base?(id: number): object | undefined
  readonly firstExport?: number
  /** What is exported in the place of another object. */
  standIn?(value: object): object | undefined
  /** How an export is called in messages. */
  nameOf?(id: number): string | undefined
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
const { apply, get, ownKeys } = Reflect
const { isArray } = Array
const PromiseOf = Promise
const ProxyOf = Proxy
const RangeErrorOf = RangeError
const TypeErrorOf = TypeError
const dispose: symbol = (Symbol as { dispose?: symbol }).dispose ?? Symbol.for("dispose")
const hiddenNames = new Set<unknown>([...ownKeys(Object.prototype), "then"])

/** What stubs of objects are instances of: a class of their own keeps them apart from data. */
class RpcStub {}

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
  #nextExport: number
  /** Streams that are read ahead of their reader. */
  #ahead = 0
  #nextCall = 0
  #closed: (() => Error) | undefined

  constructor(options: SessionOptions) {
    this.#options = options
    this.#nextExport = options.firstExport ?? 1
  }

  /** Encodes a value, exporting the capabilities in it. Its bytes stand in the text. */
  encode(value: unknown, options: EncodeOptions = {}): string {
    return this.#within(undefined, () => this.encodePart(value, options))
  }

  /** Encodes a value, with its larger bytes beside the text. */
  pack(value: unknown, options: EncodeOptions = {}): Packed {
    const buffers: ArrayBuffer[] = []
    return { text: this.#within(buffers, () => this.encodePart(value, options)), buffers }
  }

  /** For specials: a part of the value that is being encoded. */
  encodePart(value: unknown, options: EncodeOptions = {}): string {
    const { stacks } = this.#options
    const beside = this.#buffers === undefined ? {} : { buffers: this.#buffers as ArrayBuffer[] }
    return encodeValue(value, { ...options, ...beside, stacks, onCapability: (capability) => this.#export(capability) })
  }

  /** Decodes a value of the other side, with stubs for its capabilities. Takes what it needs out of `buffers`. */
  decode(text: string, buffers?: Buffers): unknown {
    return this.#within(buffers, () => this.decodePart(text))
  }

  /** For specials: a part of the value that is being decoded. */
  decodePart(text: string): unknown {
    const beside = this.#buffers === undefined ? {} : { buffers: this.#buffers }
    return decodeValue(text, { ...beside, onStub: (stub) => this.#import(stub) })
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

  /** What the other side knows by this number. */
  exported(id: number): object | undefined {
    return this.#exports.get(id)?.value
  }

  /** Exports one object and gives its number: specials use it for their parts. */
  exportTarget(value: object): number {
    const known = this.#exportIds.get(value)
    if (known !== undefined) {
      ;(this.#exports.get(known) as Exported).count++
      return known
    }
    if (this.#exports.size >= maxExports) throw new RangeErrorOf("too many functions and streams were passed at once")
    const id = this.#nextExport++
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
    return this.#options.isTarget(value) ? `o${this.exportTarget(value)}` : undefined
  }

  #import(stub: string): unknown {
    const kind = stub[0]
    if (kind === "s" && this.#options.specials !== undefined) return this.#options.specials.import(stub.slice(1), this)
    const id = Number(stub.slice(1))
    if (kind === "b") return this.#own(id)
    if (kind === "f") return this.#stub(id, () => this.#functionStub(id))
    if (kind === "o") return this.#stub(id, () => this.#objectStub(id))
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

  #functionStub(id: number): object {
    const stub = (...args: unknown[]): Promise<unknown> => this.call(id, "", args)
    Object.defineProperty(stub, dispose, { value: () => this.release(id), enumerable: false })
    return stub
  }

  #objectStub(id: number): object {
    const methods = new Map<string, Callable>()
    const method = (name: string): Callable => {
      let stub = methods.get(name)
      if (stub === undefined) methods.set(name, (stub = (...args) => this.call(id, name, args)))
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

  /** Room to hold one batch of a stream that nobody has asked for yet; undefined when enough is held. The caller gives it back, once. */
  readAhead(): (() => void) | undefined {
    if (this.#ahead >= maxAhead) return undefined
    this.#ahead++
    return () => void this.#ahead--
  }

  /** Calls an export of the other side. Rejects with its error, or when the session is closed. */
  call(target: number, method: string, args: readonly unknown[]): Promise<unknown> {
    return new PromiseOf((resolve, reject) => {
      if (this.#closed !== undefined) return reject(this.#closed())
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
      if (ok) waiting.resolve(this.decode(text, buffers))
      else waiting.reject(this.#options.revive(text))
    } catch (error) {
      waiting.reject(error)
    }
  }

  /** The other side calls. Never throws; always answers, unless the session is closed meanwhile. */
  async onCall(id: number, target: number, method: string, args: string, buffers: Buffers = []): Promise<void> {
    const answer = await this.perform(target, method, args, buffers)
    if (this.#closed === undefined) this.#options.wire.answer(id, answer.ok, answer)
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
  }

  /** Ends everything: pending and later calls reject with what `reason` makes. It is asked only when there are any: an error costs a stack. */
  close(reason: () => Error): void {
    if (this.#closed !== undefined) return
    this.#closed = reason
    for (const waiting of this.#waiting.values()) waiting.reject(reason())
    this.#waiting.clear()
    this.#exports.clear()
    this.#exportIds.clear()
    this.#imports.clear()
  }
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
