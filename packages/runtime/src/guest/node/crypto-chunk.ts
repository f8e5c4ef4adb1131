import { hkdf } from "@noble/hashes/hkdf.js"
import { pbkdf2 } from "@noble/hashes/pbkdf2.js"
import { scrypt } from "@noble/hashes/scrypt.js"
import type { LoadChunk } from "../kernel.ts"
import { installKernel } from "../web/installed-kernel.ts"
import { nameClasses } from "../web/name-classes.ts"
import { bytesOf, createHash, createHmac, encoded, Hash, hash, hashFunction, hashNames, Hmac } from "./hash.ts"
import { randomBytes, randomFillSync, randomInt } from "./random.ts"

type Derived = (error: Error | null, key?: Buffer) => void

interface ScryptOptions {
  readonly N?: number
  readonly cost?: number
  readonly r?: number
  readonly blockSize?: number
  readonly p?: number
  readonly parallelization?: number
}

/** The part of `node:crypto` that needs no OpenSSL: hashes, MACs and key derivation from @noble/hashes, in the isolate and on its CPU budget. */
const loadCrypto: LoadChunk = (kernel) => {
  installKernel(kernel)
  nameClasses({ Hash, Hmac })
  const module = {
    Hash,
    Hmac,
    createHash,
    createHmac,
    getHashes: hashNames,
    hash,
    hkdfSync,
    pbkdf2: later(pbkdf2Sync),
    pbkdf2Sync,
    randomBytes,
    randomFillSync,
    randomInt,
    randomUUID: (): string => crypto.randomUUID(),
    getRandomValues: <View extends ArrayBufferView>(view: View): View => crypto.getRandomValues(view as never) as View,
    scrypt: later(scryptSync),
    scryptSync,
    timingSafeEqual,
  }
  Object.defineProperty(module, "webcrypto", { get: () => crypto, enumerable: true })
  Object.defineProperty(module, "subtle", { get: () => crypto.subtle, enumerable: true })
  return { "node:crypto": module }
}

export default loadCrypto

function timingSafeEqual(a: unknown, b: unknown): boolean {
  const left = bytesOf(notText(a, "buf1"), undefined, "buf1")
  const right = bytesOf(notText(b, "buf2"), undefined, "buf2")
  if (left.length !== right.length) {
    const error = new RangeError("Input buffers must have the same byte length")
    throw Object.assign(error, { code: "ERR_CRYPTO_TIMING_SAFE_EQUAL_LENGTH" })
  }
  let difference = 0
  for (let index = 0; index < left.length; index++) difference |= (left[index] ?? 0) ^ (right[index] ?? 0)
  return difference === 0
}

function notText(value: unknown, name: string): unknown {
  return typeof value === "string" ? bytesOf(undefined, undefined, name) : value
}

function pbkdf2Sync(password: unknown, salt: unknown, iterations: number, keyLength: number, digest: string): Buffer {
  const options = { c: iterations, dkLen: keyLength }
  const key = pbkdf2(
    hashFunction(digest),
    bytesOf(password, undefined, "password"),
    bytesOf(salt, undefined, "salt"),
    options,
  )
  return encoded(key, undefined) as Buffer
}

function scryptSync(password: unknown, salt: unknown, keyLength: number, options: ScryptOptions = {}): Buffer {
  const { N = options.cost ?? 16_384, r = options.blockSize ?? 8, p = options.parallelization ?? 1 } = options
  const key = scrypt(bytesOf(password, undefined, "password"), bytesOf(salt, undefined, "salt"), {
    N,
    r,
    p,
    dkLen: keyLength,
  })
  return encoded(key, undefined) as Buffer
}

function hkdfSync(digest: string, key: unknown, salt: unknown, info: unknown, keyLength: number): ArrayBuffer {
  const [keyBytes, saltBytes, infoBytes] = [
    bytesOf(key, undefined, "ikm"),
    bytesOf(salt, undefined, "salt"),
    bytesOf(info, undefined, "info"),
  ]
  const bytes = hkdf(hashFunction(digest), keyBytes, saltBytes, infoBytes, keyLength)
  return bytes.slice().buffer as ArrayBuffer
}

/** The form with a callback. The work is done on the isolate's own thread all the same. */
function later<Args extends unknown[]>(derive: (...args: Args) => Buffer): (...args: [...Args, Derived]) => void {
  return (...args) => {
    const callback = args.pop() as Derived
    const given = args as unknown as Args
    setTimeout(() => {
      try {
        callback(null, derive(...given))
      } catch (error) {
        callback(error as Error)
      }
    }, 0)
  }
}
