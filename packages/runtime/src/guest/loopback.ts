import { RpcTarget } from "../bridge/rpc-target.ts"
import { Session } from "../bridge/session.ts"
import { callMember } from "./call-entrypoint.ts"
import { expiredStub, failureText, reviveFailure } from "./call-failure.ts"
import { type ContextParts, executionContext } from "./execution-context.ts"
import { lazySpecials } from "./guest-session.ts"

type Callable = (...args: unknown[]) => unknown

// Taken at evaluation, before guest code can replace them.
const { get, ownKeys } = Reflect
const ProxyOf = Proxy

/** `ctx.exports`: the program's own entrypoints, called as another worker would call them. */
export interface Loopback {
  readonly exports: object
}

export function createLoopback(parts: ContextParts): Loopback {
  return new LoopbackSession(parts)
}

/** What is passed goes through the clone format, as between workers: two sessions that talk to each other within the isolate. */
class LoopbackSession implements Loopback {
  readonly exports: object
  readonly #parts: ContextParts
  readonly #near: Session
  readonly #dispatcher: number

  constructor(parts: ContextParts) {
    const near: Session = linked(parts, () => far)
    const far: Session = linked(parts, () => near)
    this.#parts = parts
    this.#near = near
    this.#dispatcher = far.exportTarget((name: string, props: unknown, method: string, args: unknown[]) =>
      perform(parts, { name, props, method, args }),
    )
    this.exports = this.#exportsOf()
  }

  /** Looked up when asked: modules may hold `ctx.exports` before they are evaluated. */
  #exportsOf(): object {
    const stubs: Record<PropertyKey, object> = { __proto__: null as never }
    const { kernel } = this.#parts
    const stub = (name: PropertyKey): object | undefined => {
      if (typeof name !== "string" || !isEntrypoint(kernel.namespace[name])) return undefined
      return (stubs[name] ??= this.#stub(name))
    }
    return new ProxyOf(Object.create(null) as object, {
      get: (_, name) => stub(name),
      has: (_, name) => stub(name) !== undefined,
      ownKeys: () => ownKeys(kernel.namespace).filter((name) => stub(name) !== undefined),
      getOwnPropertyDescriptor(_, name) {
        const value = stub(name)
        return value === undefined ? undefined : { value, enumerable: true, configurable: true }
      },
      set: () => false,
      defineProperty: () => false,
    })
  }

  /** Can be called as it is, or with `{ props }` first. */
  #stub(name: string): object {
    const withProps = (options?: { readonly props?: unknown }): object =>
      this.#methods(new Target(), name, options?.props)
    return this.#methods(withProps, name, undefined)
  }

  #methods(target: object, name: string, props: unknown): object {
    const methods: Record<string, Callable> = { __proto__: null as never }
    return new ProxyOf(target, {
      get: (own, method) => {
        // Awaiting a stub must not call its `then`.
        if (typeof method === "symbol" || method === "then") return get(own, method) as unknown
        return (methods[method] ??= (...args) => this.#near.call(this.#dispatcher, "", [name, props, method, args]))
      },
      set: () => false,
      defineProperty: () => false,
      setPrototypeOf: () => false,
    })
  }
}

/** What stubs with props are: the parent gets them by reference. */
class Target extends RpcTarget {}

function linked(parts: ContextParts, other: () => Session): Session {
  return new Session({
    wire: {
      call: (id, target, method, { text, buffers }) => void other().onCall(id, target, method, text, buffers),
      answer: (id, ok, { text, buffers }) => other().onAnswer(id, ok, text, buffers),
      release: (target, count) => other().onRelease(target, count),
    },
    specials: lazySpecials(parts.kernel),
    isTarget: (value) => value instanceof RpcTarget,
    describe: failureText,
    revive: reviveFailure,
    expired: expiredStub,
    watch() {},
    stacks: false,
  })
}

interface LoopbackCall {
  readonly name: string
  readonly props: unknown
  readonly method: string
  readonly args: unknown[]
}

function perform(parts: ContextParts, { name, props, method, args }: LoopbackCall): unknown {
  const context = { env: parts.env, ctx: executionContext(parts, props ?? {}) }
  return callMember(parts.kernel.namespace, { entry: name, method, args }, context)
}

function isEntrypoint(value: unknown): boolean {
  return typeof value === "function" || (typeof value === "object" && value !== null)
}
