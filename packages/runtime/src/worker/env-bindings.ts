import { MayflyError } from "@mayfly/protocol"
import { CloneError, decodeValue, encodeValue } from "@mayfly/protocol/clone"
import type { CallAnswer } from "../pool/isolate-pool.ts"

type HostFunction = (...args: unknown[]) => unknown

/** A parent's `env`: encoded for guests, with the functions that guests may call. Only what stands in it can be reached, by number. */
export interface EnvBindings {
  readonly encoded: string
  call(payload: string, signal: AbortSignal): Promise<CallAnswer>
}

/** Throws `worker.not-serializable` naming the path of what can't be passed. */
export function bindEnv(env: Readonly<Record<string, unknown>>): EnvBindings {
  const functions: HostFunction[] = []
  const names: string[] = []
  const indexes = new Map<HostFunction, number>()
  const prepared = new EnvCopy((call, name) => {
    indexes.set(call, functions.length)
    functions.push(call)
    names.push(name)
  }).copy(env, "env")
  const encoded = encode(prepared, indexes)
  return {
    encoded,
    call: (payload) => call(functions, names, payload),
  }
}

function encode(prepared: unknown, indexes: ReadonlyMap<HostFunction, number>): string {
  try {
    return encodeValue(prepared, { root: "env", stacks: false, onCapability: (stub) => stubName(indexes, stub) })
  } catch (error) {
    if (!(error instanceof CloneError)) throw error
    throw new MayflyError("worker.not-serializable", error.message, { details: { path: error.path } })
  }
}

function stubName(indexes: ReadonlyMap<HostFunction, number>, value: object): string | undefined {
  const index = indexes.get(value as HostFunction)
  return index === undefined ? undefined : String(index)
}

/** Replaces functions and methods by ones that keep their `this`; class instances become objects of their methods. */
class EnvCopy {
  readonly #seen = new Map<object, unknown>()
  readonly #register: (call: HostFunction, name: string) => void

  constructor(register: (call: HostFunction, name: string) => void) {
    this.#register = register
  }

  copy(value: unknown, path: string, owner?: unknown): unknown {
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
    const bound: HostFunction = (...args) => Reflect.apply(call, owner, args)
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

/** Own and inherited methods of a class instance, without Object's. */
function methodNames(instance: object): string[] {
  const names = new Set<string>()
  for (let at: object | null = instance; at !== null && at !== Object.prototype; at = Object.getPrototypeOf(at) as object | null) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(at))) {
      if (typeof value === "function" && name !== "constructor") names.add(name)
    }
  }
  return [...names]
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

async function call(functions: readonly HostFunction[], names: readonly string[], payload: string): Promise<CallAnswer> {
  const cut = payload.indexOf("\n")
  const index = Number(payload.slice(0, cut))
  const target = functions[index]
  if (cut < 1 || target === undefined) {
    return { ok: false, name: "Error", message: "there is no such binding", code: "worker.binding" }
  }
  try {
    const args = decodeValue(payload.slice(cut + 1))
    if (!Array.isArray(args)) throw new TypeError("malformed arguments")
    const result: unknown = await target(...(args as unknown[]))
    return { ok: true, text: encodeValue(result, { root: `${names[index] ?? "binding"}()`, stacks: false }) }
  } catch (error) {
    return failure(error)
  }
}

/** Name, message and code are the guest's to know; the host's stack and cause are not. */
function failure(error: unknown): CallAnswer {
  if (error instanceof CloneError) {
    return { ok: false, name: "DataCloneError", message: error.message, code: "worker.not-serializable" }
  }
  try {
    if (!(error instanceof Error)) return { ok: false, name: "Error", message: String(error) }
    const { name, message, code } = error as { name: unknown; message: unknown; code?: unknown }
    return { ok: false, name: String(name), message: String(message), ...(typeof code === "string" ? { code } : {}) }
  } catch {
    // What was thrown may be made of the guest's own arguments, whose parts throw when they are read.
    return { ok: false, name: "Error", message: "the binding failed with something that can't be shown" }
  }
}
