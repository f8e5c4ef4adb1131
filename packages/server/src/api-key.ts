import { createHash, randomBytes, timingSafeEqual } from "node:crypto"

const shape = /^mf_[A-Za-z0-9_-]{43}$/

/** A new key: `mf_` and 256 random bits. */
export function createKey(): string {
  return `mf_${randomBytes(32).toString("base64url")}`
}

/** What is stored of a key. A key has 256 random bits, so a fast hash is enough. */
export function hashKey(key: string): string {
  return createHash("sha256").update(key).digest("hex")
}

/** Whether `key` is one of those hashed. Takes the same time whichever it is, and however much of it is right. */
export function isKnownKey(key: string, hashes: readonly string[]): boolean {
  if (!shape.test(key)) return false
  const given = Buffer.from(hashKey(key), "hex")
  let isKnown = false
  for (const hash of hashes) {
    const known = Buffer.from(hash, "hex")
    if (known.length === given.length && timingSafeEqual(known, given)) isKnown = true
  }
  return isKnown
}
