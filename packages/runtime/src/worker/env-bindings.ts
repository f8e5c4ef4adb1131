import { MayflyError } from "@mayfly/protocol"
import { CloneError, encodeValue, methodNames } from "@mayfly/protocol/clone"
import { standInOf } from "../bridge/stand-in.ts"

type HostFunction = (...args: unknown[]) => unknown

/** A parent's `env`: encoded for guests, with the functions that guests may call. Only what stands in it can be reached, by number. */
export interface EnvBindings {
  readonly encoded: string
  /** Functions have the numbers from 0. */
  readonly functions: readonly HostFunction[]
  /** The path of each function, for messages: `env.db.query`. */
  readonly names: readonly string[]
  /** A new number for something that a run hands out: no two runs of the worker use the same, as a warm guest may still hold the last run's. */
  nextExport(): number
}

/** Throws `worker.not-serializable` naming the path of what can't be passed. */
export function bindEnv(env: Readonly<Record<string, unknown>>): EnvBindings {
  const functions: HostFunction[] = []
  const names: string[] = []
  const indexes = new Map<object, number>()
  const prepared = new EnvCopy((call, name) => {
    indexes.set(call, functions.length)
    functions.push(call)
    names.push(name)
  }).copy(env, "env")
  const encoded = encode(prepared, indexes)
  let next = functions.length
  return { encoded, functions, names, nextExport: () => next++ }
}

function encode(prepared: unknown, indexes: ReadonlyMap<object, number>): string {
  const onCapability = (value: object): string | undefined =>
    indexes.has(value) ? `f${indexes.get(value) ?? ""}` : undefined
  try {
    return encodeValue(prepared, { root: "env", stacks: false, onCapability })
  } catch (error) {
    if (!(error instanceof CloneError)) throw error
    throw new MayflyError("worker.not-serializable", error.message, { details: { path: error.path } })
  }
}

/** Replaces functions and methods by ones that keep their `this`; class instances become objects of their methods. */
class EnvCopy {
  readonly #seen = new Map<object, unknown>()
  readonly #register: (call: HostFunction, name: string) => void

  constructor(register: (call: HostFunction, name: string) => void) {
    this.#register = register
  }

  copy(given: unknown, path: string, owner?: unknown): unknown {
    const value = (typeof given === "function" ? standInOf(given) : undefined) ?? given
    if (typeof value === "function") return this.#function(value as HostFunction, path, owner)
    if (typeof value !== "object" || value === null) return value
    const known = this.#seen.get(value)
    if (known !== undefined) return known
    const prototype: unknown = Object.getPrototypeOf(value)
    if (Array.isArray(value)) return this.#fields(value, path, [])
    if (prototype === Object.prototype || prototype === null) return this.#fields(value, path, {})
    const methods = methodNames(value)
    return methods.length === 0 || isBuiltin(value) ? value : this.#methods(value, methods, path)
  }

  #function(call: HostFunction, path: string, owner: unknown): HostFunction {
    const isFetch = path.endsWith(".fetch")
    const bound: HostFunction = (...args) => Reflect.apply(call, owner, isFetch ? asRequest(args) : args)
    this.#register(bound, path)
    return bound
  }

  #fields(value: object, path: string, into: object): object {
    this.#seen.set(value, into)
    for (const [name, child] of Object.entries(value)) {
      const copied = this.copy(child, `${path}.${name}`, value)
      Object.defineProperty(into, name, { value: copied, enumerable: true, writable: true, configurable: true })
    }
    return into
  }

  #methods(instance: object, names: readonly string[], path: string): object {
    const into: Record<string, unknown> = {}
    this.#seen.set(instance, into)
    for (const name of names) {
      const method: unknown = (instance as Record<string, unknown>)[name]
      if (typeof method === "function") into[name] = this.#function(method as HostFunction, `${path}.${name}`, instance)
    }
    return into
  }
}

/** Guests call a fetcher as they call `fetch`, with a URL and options; what stands in `env` gets a Request, as at Cloudflare. */
function asRequest(args: unknown[]): unknown[] {
  const [target, init] = args
  const isUrl = target instanceof URL || (typeof target === "string" && /^https?:\/\//i.test(target))
  return isUrl ? [new Request(target, init as RequestInit | undefined)] : args
}

/** Dates, maps, bytes and errors are data. */
function isBuiltin(value: object): boolean {
  return (
    value instanceof Date ||
    value instanceof RegExp ||
    value instanceof Map ||
    value instanceof Set ||
    value instanceof Error ||
    value instanceof ArrayBuffer ||
    ArrayBuffer.isView(value) ||
    value instanceof Promise ||
    value instanceof WeakMap ||
    value instanceof WeakSet ||
    value instanceof Number ||
    value instanceof String ||
    value instanceof Boolean
  )
}
