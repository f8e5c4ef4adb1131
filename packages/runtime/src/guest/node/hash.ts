import { hmac } from "@noble/hashes/hmac.js"
import { md5, ripemd160, sha1 } from "@noble/hashes/legacy.js"
import { sha224, sha256, sha384, sha512 } from "@noble/hashes/sha2.js"
import { installedKernel } from "../web/installed-kernel.ts"

type Encoding = BufferEncoding | "buffer"
type HashFunction = typeof sha256

interface Running {
  update(bytes: Uint8Array): unknown
  digest(): Uint8Array
  clone?(): Running
}

const algorithms: ReadonlyMap<string, HashFunction> = new Map(
  Object.entries({ md5, ripemd160, sha1, sha224, sha256, sha384, sha512 }) as [string, HashFunction][],
)

export function hashNames(): string[] {
  return [...algorithms.keys()]
}

/** The algorithm by any of the names that Node takes: "sha256", "SHA-256", "RSA-SHA256". */
export function hashFunction(name: unknown): HashFunction {
  const found = algorithms.get(`${name as string}`.toLowerCase().replace(/^rsa-/, "").replace(/^sha-/, "sha"))
  if (found !== undefined) return found
  const error = new Error(`Digest method not supported: "${name as string}" is not one of ${hashNames().join(", ")}`)
  throw Object.assign(error, { code: "ERR_OSSL_EVP_UNSUPPORTED" })
}

export function bufferClass(): BufferConstructor {
  return installedKernel().chunk<{ Buffer: BufferConstructor }>("builtin:buffer").Buffer
}

export function bytesOf(data: unknown, encoding: Encoding | undefined, name: string): Uint8Array {
  if (typeof data === "string") return bufferClass().from(data, encoding === "buffer" ? "utf8" : encoding)
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  if (data instanceof ArrayBuffer) return new Uint8Array(data)
  const error = new TypeError(
    `The "${name}" argument must be of type string or an instance of Buffer, TypedArray, or DataView`,
  )
  throw Object.assign(error, { code: "ERR_INVALID_ARG_TYPE" })
}

/** Hash and Hmac of node:crypto, without their stream interface. */
export class Digest {
  #running: Running
  #isOver = false

  constructor(running: Running) {
    this.#running = running
  }

  update(data: unknown, encoding?: Encoding): this {
    if (this.#isOver) throw finalized()
    this.#running.update(bytesOf(data, encoding, "data"))
    return this
  }

  digest(encoding?: Encoding): string | Buffer {
    if (this.#isOver) throw finalized()
    this.#isOver = true
    return encoded(this.#running.digest(), encoding)
  }

  copy(): Digest {
    if (this.#isOver || this.#running.clone === undefined) throw finalized()
    return new Digest(this.#running.clone())
  }
}

export class Hash extends Digest {}
export class Hmac extends Digest {}

export function createHash(algorithm: unknown): Digest {
  return new Hash(hashFunction(algorithm).create())
}

export function createHmac(algorithm: unknown, key: unknown): Digest {
  return new Hmac(hmac.create(hashFunction(algorithm), bytesOf(key, undefined, "key")))
}

/** `crypto.hash(algorithm, data, encoding)`, one call. */
export function hash(algorithm: unknown, data: unknown, encoding: Encoding = "hex"): string | Buffer {
  return encoded(hashFunction(algorithm)(bytesOf(data, undefined, "data")), encoding)
}

export function encoded(bytes: Uint8Array, encoding: Encoding | undefined): string | Buffer {
  const buffer = bufferClass().from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return encoding === undefined || encoding === "buffer" ? buffer : buffer.toString(encoding)
}

function finalized(): Error {
  return Object.assign(new Error("Digest already called"), { code: "ERR_CRYPTO_HASH_FINALIZED" })
}
