import { createCipheriv, createDecipheriv, createHmac, randomBytes } from "node:crypto"
import type { SecretKey } from "./secret-key.ts"

const nonceBytes = 12
const tagBytes = 16

/** AES-256-GCM. The place is authenticated: what is moved to another can't be read there. */
export function seal(value: string, key: SecretKey, place: readonly string[]): Buffer {
  return sealWith(randomBytes(nonceBytes), { value, key, place })
}

/** The same bytes for the same value at the same place, for what is stored by its content; who has no key can't tell from them what the value was. */
export function sealSame(value: string, key: SecretKey, place: readonly string[]): Buffer {
  const nonce = createHmac("sha256", key.bytes)
    .update(JSON.stringify(["mayfly nonce", ...place, value]))
    .digest()
  return sealWith(nonce.subarray(0, nonceBytes), { value, key, place })
}

interface ToSeal {
  readonly value: string
  readonly key: SecretKey
  readonly place: readonly string[]
}

function sealWith(nonce: Buffer, { value, key, place }: ToSeal): Buffer {
  const cipher = createCipheriv("aes-256-gcm", key.bytes, nonce).setAAD(bytesOf(place))
  return Buffer.concat([nonce, cipher.update(value, "utf8"), cipher.final(), cipher.getAuthTag()])
}

/** Throws when it was sealed with another key, at another place, or was changed. */
export function unseal(sealed: Uint8Array, key: SecretKey, place: readonly string[]): string {
  const nonce = sealed.subarray(0, nonceBytes)
  const decipher = createDecipheriv("aes-256-gcm", key.bytes, nonce, { authTagLength: tagBytes })
  decipher.setAAD(bytesOf(place)).setAuthTag(sealed.subarray(-tagBytes))
  return Buffer.concat([decipher.update(sealed.subarray(nonceBytes, -tagBytes)), decipher.final()]).toString()
}

function bytesOf(place: readonly string[]): Buffer {
  return Buffer.from(JSON.stringify(place))
}
