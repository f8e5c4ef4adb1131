import { decodeValue, encodeValue } from "../clone/index.ts"
import { jsonWeight } from "../json-weight.ts"
import { MayflyError } from "../mayfly-error.ts"
import { methodNames } from "../clone/method-names.ts"

/** A value on an RPC connection: its data as the text of `encodeValue`, and what crosses by reference beside it, by number. */
export interface RemoteMessage {
  readonly text: string
  readonly capabilities: readonly unknown[]
}

export type RemoteOutcome = { readonly value: RemoteMessage } | { readonly error: RemoteMessage }

type Callable = (...args: unknown[]) => unknown
/** How a function looks on the connection: it takes its arguments and gives its outcome as messages. */
type RemoteFunction = (message: RemoteMessage) => Promise<RemoteOutcome>
type RemoteObject = { readonly methods: Record<string, Callable>; readonly iterates: boolean }
type RemoteSignal = { readonly aborted: boolean; readonly whenAborted: Callable }

/** More references in one value are a mistake, or an attack. */
const maxCapabilities = 10_000
/** What the connection carries by itself. */
const natives = [ReadableStream, WritableStream, Request, Response, Headers, URL, Blob]

/**
 * Values between a client and a server, functions included, in both directions: all that structured clone knows, and functions, class instances (their
 * methods), streams, requests, responses and abort signals. The connection below (Cap'n Web) carries functions by reference; this class decides what
 * stands for them.
 */
export class RemoteValues {
  readonly #held: Disposable[] = []
  readonly #maxHeld: number
  readonly #maxWeight: number

  /** Of the functions that came from the other side, the newest `maxHeld` are kept. `maxWeight` is how heavy its values may be (`jsonWeight`). */
  constructor({
    maxHeld = 10_000,
    maxWeight = Infinity,
  }: { readonly maxHeld?: number; readonly maxWeight?: number } = {}) {
    this.#maxHeld = maxHeld
    this.#maxWeight = maxWeight
  }

  /** Throws CloneError naming the path of what can't be passed. */
  encode(value: unknown, root = "value"): RemoteMessage {
    const capabilities: unknown[] = []
    const onCapability = (given: object): string | undefined => {
      const capability = this.#capability(given)
      if (capability === undefined) return undefined
      return String(capabilities.push(capability) - 1)
    }
    return { text: encodeValue(value, { root, stacks: false, onCapability }), capabilities }
  }

  /** Throws TypeError for a message that is none: it may come from anybody. Throws `server.too-large`. */
  decode(message: unknown): unknown {
    const { text, capabilities } = parseMessage(message)
    if (this.#maxWeight < Infinity && jsonWeight(text, this.#maxWeight) > this.#maxWeight)
      throw new MayflyError("server.too-large", "the message has too many values", {
        details: { limit: this.#maxWeight },
      })
    const onStub = (index: string): unknown => this.#received(capabilities[Number(index)])
    return decodeValue(text, { onStub })
  }

  /** Lets go of all functions that came from the other side. */
  dispose(): void {
    for (const held of this.#held.splice(0)) held[Symbol.dispose]()
  }

  #capability(value: object): unknown {
    if (typeof value === "function") return this.#offered(value as Callable)
    if (natives.some((Native) => value instanceof Native)) return value
    if (value instanceof AbortSignal) return this.#signal(value)
    const names = methodNames(value)
    if (names.length === 0) return undefined
    const methods = names.map((name) => [name, this.#offered(methodOf(value, name))])
    return { methods: Object.fromEntries(methods), iterates: Symbol.asyncIterator in value }
  }

  /** A function of this side, for the other. */
  #offered(call: Callable): RemoteFunction {
    return async (message) => {
      try {
        const args = this.decode(message)
        if (!Array.isArray(args)) throw new TypeError("malformed message: arguments")
        return { value: this.encode(await call(...(args as unknown[]))) }
      } catch (error) {
        return { error: this.encode(error instanceof Error ? error : new Error(String(error))) }
      }
    }
  }

  #signal(signal: AbortSignal): RemoteSignal {
    const whenAborted = async (): Promise<unknown> => {
      const { promise, resolve } = Promise.withResolvers<void>()
      signal.addEventListener("abort", () => resolve(), { once: true })
      if (!signal.aborted) await promise
      return this.encode(signal.reason)
    }
    return { aborted: signal.aborted, whenAborted }
  }

  #received(capability: unknown): unknown {
    if (typeof capability === "function") return this.#function(capability as RemoteFunction)
    if (typeof capability !== "object" || capability === null) throw new TypeError("malformed message: reference")
    if (natives.some((Native) => capability instanceof Native)) return capability
    if ("whenAborted" in capability) return this.#receivedSignal(capability as RemoteSignal)
    if ("methods" in capability) return this.#object(capability as RemoteObject)
    throw new TypeError("malformed message: unknown reference")
  }

  /** A function of the other side, for this. */
  #function(stub: RemoteFunction): Callable {
    const call = this.#hold(stub)
    return async (...args) => {
      const outcome: unknown = await call(this.encode(args, "arguments"))
      if (typeof outcome !== "object" || outcome === null) throw new TypeError("malformed message: outcome")
      if ("error" in outcome) throw this.decode(outcome.error)
      return this.decode((outcome as { value?: unknown }).value)
    }
  }

  #object({ methods, iterates }: RemoteObject): object {
    const object: Record<string | symbol, unknown> = {}
    for (const [name, stub] of Object.entries(methods)) {
      if (typeof stub !== "function") throw new TypeError("malformed message: method")
      Object.defineProperty(object, name, { value: this.#function(stub as RemoteFunction), enumerable: true })
    }
    if (iterates) object[Symbol.asyncIterator] = () => object
    return object
  }

  #receivedSignal({ aborted, whenAborted }: RemoteSignal): AbortSignal {
    const abort = new AbortController()
    if (typeof whenAborted !== "function") throw new TypeError("malformed message: signal")
    const ended = Promise.resolve(this.#hold(whenAborted as RemoteFunction)({ text: "j[]", capabilities: [] }))
    const end = (reason: unknown): void => abort.abort(reason)
    // The answer may be anything: what is no message ends it too, and must not be a rejection that nobody handles.
    ended.then((reason) => this.decode(reason)).then(end, () => end(new Error("the connection ended")))
    if (aborted) end(undefined)
    return abort.signal
  }

  /** Stubs that came in a call are let go when it ends, unless they are duplicated. */
  #hold(stub: RemoteFunction): RemoteFunction {
    const { dup } = stub as { dup?: () => RemoteFunction & Disposable }
    if (typeof dup !== "function") return stub
    const held = (stub as unknown as { dup(): RemoteFunction & Disposable }).dup()
    if (this.#held.push(held) > this.#maxHeld) this.#held.shift()?.[Symbol.dispose]()
    return held
  }
}

function parseMessage(message: unknown): RemoteMessage {
  const { text, capabilities } = (message ?? {}) as Partial<RemoteMessage>
  const isMessage = typeof text === "string" && Array.isArray(capabilities) && capabilities.length <= maxCapabilities
  if (!isMessage) throw new TypeError("malformed message")
  return { text, capabilities }
}

function methodOf(value: object, name: string): Callable {
  return (...args) => Reflect.apply((value as Record<string, Callable>)[name] as Callable, value, args)
}
