import type { webcrypto } from "node:crypto"
import { SubtleError } from "./subtle-error.ts"

/**
 * Work in the host is not on the guest's CPU account and cannot be interrupted. Whatever costs more than its bytes is
 * bounded here, so that no single operation runs for more than a few seconds.
 */
const costLimits = {
  /** Generating a 4,096 bit key takes up to some seconds; 16,384 bits take minutes. */
  generatedModulusBits: 4_096,
  /** An imported key that large still signs in tens of milliseconds. */
  importedModulusBits: 8_192,
  /** PBKDF2: iterations times blocks of output. */
  iterations: 10_000_000,
  /** Of derived bits and generated secrets: the guest pays nothing for asking for a gigabyte. */
  secretBits: 8 * 1024 * 1024,
  /** Bytes of a key in a structured format, whose parsing is not linear in its length. */
  structuredKeyLength: 64 * 1024,
}

/** Node offers more (Argon2, ML-KEM, …), with costs that nobody has bounded yet. */
const algorithms: ReadonlySet<string> = new Set([
  "SHA-1",
  "SHA-256",
  "SHA-384",
  "SHA-512",
  "HMAC",
  "AES-GCM",
  "AES-CBC",
  "AES-CTR",
  "AES-KW",
  "ECDSA",
  "ECDH",
  "ED25519",
  "X25519",
  "RSA-OAEP",
  "RSASSA-PKCS1-V1_5",
  "RSA-PSS",
  "PBKDF2",
  "HKDF",
])

/** Which arguments of a method are algorithms. */
const algorithmArguments: ReadonlyMap<string, readonly number[]> = new Map([
  ["digest", [0]],
  ["encrypt", [0]],
  ["decrypt", [0]],
  ["sign", [0]],
  ["verify", [0]],
  ["generateKey", [0]],
  ["importKey", [2]],
  ["deriveKey", [0, 2]],
  ["deriveBits", [0]],
  ["wrapKey", [3]],
  ["unwrapKey", [3, 4]],
])

const digestBits: ReadonlyMap<string, number> = new Map([
  ["SHA-1", 160],
  ["SHA-256", 256],
  ["SHA-384", 384],
  ["SHA-512", 512],
])

/** Throws a SubtleError when the operation is unknown or could take too long. */
export function checkCost(method: string, args: readonly unknown[]): void {
  for (const index of algorithmArguments.get(method) ?? []) checkAlgorithm(args[index])
  if (method === "generateKey") checkGenerated(args[0])
  if (method === "deriveBits") checkDerived(args[0], args[2])
  if (method === "deriveKey") checkDerived(args[0], derivedLength(args[2]))
  if (method === "importKey" && args[0] !== "raw") checkStructuredKey(args[1])
  if (method === "unwrapKey" && args[0] !== "raw") checkStructuredKey(args[1])
}

/** Whether operations with the key take a bounded time. */
export function isSafeKey(key: webcrypto.CryptoKey): boolean {
  const bits: unknown = Reflect.get(key.algorithm, "modulusLength")
  return typeof bits !== "number" || bits <= costLimits.importedModulusBits
}

function checkAlgorithm(algorithm: unknown): void {
  const name = typeof algorithm === "string" ? algorithm : member(algorithm, "name")
  // Not a string: Node's own conversion says what is wrong.
  if (typeof name !== "string") return refuseName(name)
  if (!algorithms.has(name.toUpperCase())) throw new SubtleError("NotSupportedError", "Unrecognized algorithm name")
}

/** Node turns any value into a string, so only one that is missing is left to it. */
function refuseName(name: unknown): void {
  if (name !== undefined) throw new SubtleError("NotSupportedError", "The algorithm name is not a string")
}

function checkGenerated(algorithm: unknown): void {
  const bits = member(algorithm, "modulusLength")
  if (bits !== undefined) requireAtMost(bits, costLimits.generatedModulusBits, "modulusLength")
  const exponent = member(algorithm, "publicExponent")
  if (exponent !== undefined && !isCommonExponent(exponent)) {
    throw new SubtleError("NotSupportedError", "The publicExponent must be 3 or 65537")
  }
  const length = member(algorithm, "length")
  if (length !== undefined) requireAtMost(length, costLimits.secretBits, "length")
}

/** Others may make the search for primes very long. */
function isCommonExponent(value: unknown): boolean {
  if (!(value instanceof Uint8Array) || value.length > 16) return false
  const exponent = value.reduce((sum, byte) => sum * 256 + byte, 0)
  return exponent === 3 || exponent === 65_537
}

function checkDerived(algorithm: unknown, length: unknown): void {
  if (length !== undefined && length !== null) requireAtMost(length, costLimits.secretBits, "length")
  const iterations = member(algorithm, "iterations")
  if (iterations === undefined) return
  const hash = member(algorithm, "hash")
  const name = typeof hash === "string" ? hash : member(hash, "name")
  const blockBits = digestBits.get(String(name).toUpperCase()) ?? 160
  const blocks = Math.max(1, Math.ceil(Number(length ?? 0) / blockBits))
  requireAtMost(Number(iterations) * blocks, costLimits.iterations, "iterations")
}

/** In bits. Without a length, HMAC takes the block size of its hash, of which SHA-512 has the largest. */
function derivedLength(algorithm: unknown): unknown {
  return member(algorithm, "length") ?? 1_024
}

function checkStructuredKey(data: unknown): void {
  if (keyLength(data) <= costLimits.structuredKeyLength) return
  throw new SubtleError("DataError", `A key can have ${costLimits.structuredKeyLength} bytes at most`)
}

function keyLength(data: unknown): number {
  if (data instanceof Uint8Array || typeof data === "string") return data.length
  if (typeof data !== "object" || data === null) return 0
  return Object.values(data).reduce<number>((length, value) => length + keyLength(value), 0)
}

/** Also refuses what Node would convert to a number later, such as "1e9" or an array. */
function requireAtMost(value: unknown, maximum: number, name: string): void {
  if (typeof value === "number" && !(value > maximum)) return
  throw new SubtleError("OperationError", `The ${name} must be a number of at most ${maximum}`)
}

function member(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? (Reflect.get(value, name) as unknown) : undefined
}
