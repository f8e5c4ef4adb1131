import { createHash, randomBytes, timingSafeEqual } from "node:crypto"

const shape = /^mf_[A-Za-z0-9_-]{43}$/

/** A new key: `mf_` and 256 random bits. */
export function createKey(): string {
  return `mf_${randomBytes(32).toString("base64url")}`
}

/** Whether a text can be a key at all. */
export function isKey(text: string): boolean {
  return shape.test(text)
}

/** What is stored of a key. A key has 256 random bits, so a fast hash is enough. */
export function hashKey(key: string): string {
  return createHash("sha256").update(key).digest("hex")
}

/** Whether two hashes are the same. Takes as long however much of them is. */
export function isSameHash(given: string, known: string): boolean {
  const [a, b] = [Buffer.from(given, "hex"), Buffer.from(known, "hex")]
  return a.length === b.length && timingSafeEqual(a, b)
}
