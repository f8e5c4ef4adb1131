import { MayflyError } from "@mayfly/protocol"
import { Access } from "./access.ts"
import { hashKey, isKey, isSameHash } from "./api-key.ts"

export interface AuthenticatorOptions {
  /** SHA-256, hex, of the keys that may do everything. */
  readonly adminHashes: readonly string[]
}

const never = new AbortController().signal

/** Tells who asks by the key of a request. */
export class Authenticator {
  readonly #adminHashes: readonly string[]
  readonly #admin = new Access({
    keyId: "admin",
    name: "admin",
    tenant: null,
    scopes: ["admin"],
    expiresAt: null,
    ended: () => never,
  })

  constructor({ adminHashes }: AuthenticatorOptions) {
    this.#adminHashes = adminHashes
  }

  /** Rejects with `auth.missing` or `auth.invalid`. */
  async accessOf(authorization: string | undefined, _address: string): Promise<Access> {
    const hash = hashKey(keyOf(authorization))
    // All of them, whichever it is: the time says nothing.
    const matches = this.#adminHashes.filter((known) => isSameHash(hash, known))
    if (matches.length > 0) return this.#admin
    throw new MayflyError("auth.invalid", "the key is not known here")
  }
}

function keyOf(authorization: string | undefined): string {
  if (authorization === undefined) throw new MayflyError("auth.missing", "the request has no Authorization header")
  const key = /^bearer +(\S+)$/i.exec(authorization)?.[1]
  if (key === undefined) throw new MayflyError("auth.invalid", "the Authorization header is not a bearer key")
  if (!isKey(key)) throw new MayflyError("auth.invalid", "the key is not of the form that keys have here")
  return key
}
