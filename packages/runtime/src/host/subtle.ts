import { webcrypto } from "node:crypto"
import { decodeValue, encodeValue } from "@mayfly/protocol/clone"
import { checkCost, isSafeKey } from "./subtle-cost.ts"
import { SubtleError } from "./subtle-error.ts"

/** The host half of `crypto.subtle`, one per run: keys of one run are unknown to every other. */
export interface Subtle {
  /**
   * Payload: `{ method, args }` in the clone codec. Never rejects: a failure is an answer of kind "error".
   * Operations run one after another, so that one run keeps at most one thread of the pool busy.
   */
  perform(payload: string): Promise<string>
  /** For the end of the run: what has not started never will, and the keys are freed. Calling twice is safe. */
  dispose(): void
}

type Key = webcrypto.CryptoKey
type Perform = (...args: readonly unknown[]) => Promise<unknown>

const limits = {
  /** Characters of one payload, against a guest that fills the host's memory. */
  payloadLength: 32 * 1024 * 1024,
  /** Characters of all payloads that wait, for the same reason. */
  waitingLength: 64 * 1024 * 1024,
  /** Operations that wait. Each takes little memory, but may take seconds of a thread. */
  waiting: 10_000,
  /** Keys that a run may hold; they are freed when the run ends. */
  keys: 1_000,
  /** Levels of a payload; the deepest real one is a key in a JWK in an argument list. */
  depth: 6,
}

const methods: ReadonlySet<string> = new Set([
  "digest",
  "encrypt",
  "decrypt",
  "sign",
  "verify",
  "generateKey",
  "importKey",
  "exportKey",
  "deriveKey",
  "deriveBits",
  "wrapKey",
  "unwrapKey",
])

const errorNames: ReadonlySet<string> = new Set([
  "OperationError",
  "NotSupportedError",
  "DataError",
  "InvalidAccessError",
  "SyntaxError",
  "QuotaExceededError",
])

export function createSubtle(): Subtle {
  const keys = new Map<number, Key>()
  const waiting = { count: 0, length: 0 }
  let last: Promise<unknown> = Promise.resolve()
  let isDisposed = false

  async function next(payload: string): Promise<string> {
    waiting.count--
    waiting.length -= payload.length
    return isDisposed ? answerError("OperationError", "The run has ended") : operate(payload, keys)
  }

  return {
    async perform(payload) {
      const refusal = refuse(payload, waiting)
      if (refusal !== null) return answerError("OperationError", refusal)
      waiting.count++
      waiting.length += payload.length
      const answer = last.then(() => next(payload))
      last = answer
      return answer
    },
    dispose() {
      isDisposed = true
      keys.clear()
    },
  }
}

function refuse(payload: string, waiting: { readonly count: number; readonly length: number }): string | null {
  if (payload.length > limits.payloadLength) return "The data of the operation is too large"
  if (waiting.length + payload.length > limits.waitingLength) return "The data of all operations is too large"
  return waiting.count >= limits.waiting ? "Too many operations wait" : null
}

async function operate(payload: string, keys: Map<number, Key>): Promise<string> {
  try {
    const { method, args } = parseOperation(decodeValue(payload), keys)
    checkCost(method, args)
    const perform = Reflect.get(webcrypto.subtle, method) as Perform
    const result: unknown = await Reflect.apply(perform, webcrypto.subtle, args)
    return encodeValue(describeResult(result, keys))
  } catch (error) {
    return describeError(error)
  }
}

interface Operation {
  readonly method: string
  readonly args: readonly unknown[]
}

function parseOperation(value: unknown, keys: ReadonlyMap<number, Key>): Operation {
  const { method, args } = value as { readonly method?: unknown; readonly args?: unknown }
  if (typeof method !== "string" || !methods.has(method)) throw new SubtleError("NotSupportedError", "Unknown method")
  if (!Array.isArray(args) || args.length > 8)
    throw new SubtleError("SyntaxError", "The arguments are not a short list")
  return { method, args: args.map((argument) => resolveKeys(argument, keys, limits.depth)) }
}

/** A copy of plain data with handles replaced by keys. Anything else than plain data and bytes is refused. */
function resolveKeys(value: unknown, keys: ReadonlyMap<number, Key>, depth: number): unknown {
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value
  if (depth === 0) throw new SubtleError("SyntaxError", "An argument is nested too deeply")
  if (Array.isArray(value)) return value.map((item) => resolveKeys(item, keys, depth - 1))
  if (!isPlain(value)) throw new SubtleError("SyntaxError", "An argument is neither plain data nor bytes")
  const handle: unknown = Reflect.get(value, "$key")
  if (handle !== undefined) return keyOf(handle, keys)
  // No prototype: a member that the guest left out is not found on Object.prototype, and "__proto__" has no effect.
  const plain: Record<string, unknown> = Object.create(null) as Record<string, unknown>
  for (const [name, member] of Object.entries(value)) plain[name] = resolveKeys(member, keys, depth - 1)
  return plain
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

function keyOf(handle: unknown, keys: ReadonlyMap<number, Key>): Key {
  const key = typeof handle === "number" ? keys.get(handle) : undefined
  if (key === undefined) throw new SubtleError("InvalidAccessError", "The key does not belong to this run")
  return key
}

function describeResult(result: unknown, keys: Map<number, Key>): unknown {
  if (result instanceof ArrayBuffer) return { kind: "bytes", bytes: new Uint8Array(result) }
  if (isKey(result)) return { kind: "key", key: storeKey(result, keys) }
  if (isKeyPair(result)) {
    const publicKey = storeKey(result.publicKey, keys)
    return { kind: "pair", publicKey, privateKey: storeKey(result.privateKey, keys) }
  }
  // A boolean, or a JSON Web Key.
  return { kind: "value", value: typeof result === "object" ? { ...result } : result }
}

function isKey(value: unknown): value is Key {
  return value instanceof CryptoKey
}

function isKeyPair(value: unknown): value is { publicKey: Key; privateKey: Key } {
  return typeof value === "object" && value !== null && "publicKey" in value && isKey(value.publicKey)
}

function storeKey(key: Key, keys: Map<number, Key>): unknown {
  if (keys.size >= limits.keys) throw new SubtleError("OperationError", `A run can hold ${limits.keys} keys at most`)
  if (!isSafeKey(key)) throw new SubtleError("NotSupportedError", "The key is too large")
  const id = keys.size + 1
  keys.set(id, key)
  const { type, extractable, algorithm, usages } = key
  return { id, type, extractable, algorithm: copyAlgorithm(algorithm), usages: [...usages] }
}

function copyAlgorithm(algorithm: object): object {
  const copy: Record<string, unknown> = { ...algorithm }
  const { hash } = copy
  return typeof hash === "object" ? { ...copy, hash: { ...hash } } : copy
}

/** Only a name and a message cross: never a stack, a cause or a code. */
function describeError(error: unknown): string {
  if (error instanceof SubtleError) return answerError(error.errorName, error.message)
  if (error instanceof TypeError) return answerError("TypeError", error.message)
  if (error instanceof DOMException && errorNames.has(error.name)) return answerError(error.name, error.message)
  return answerError("OperationError", "The operation failed")
}

function answerError(name: string, message: string): string {
  return encodeValue({ kind: "error", name, message: message.slice(0, 500) })
}
