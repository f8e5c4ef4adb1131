import { MayflyError } from "@mayfly/protocol"
import { Access } from "./access.ts"
import { hashKey, isKey, isSameHash } from "./api-key.ts"
import type { Keys } from "./keys.ts"
import { WrongKeys, type WrongKeyLimit } from "./wrong-keys.ts"

export interface AuthenticatorOptions {
  /** SHA-256, hex, of the keys that may do everything. */
  readonly adminHashes: readonly string[]
  /** All others. */
  readonly keys: Keys
  readonly wrongKeys: WrongKeyLimit
}

const never = new AbortController().signal

/** Tells who asks by the key of a request. */
export class Authenticator {
  readonly #adminHashes: readonly string[]
  readonly #keys: Keys
  readonly #wrongKeys: WrongKeys
  readonly #admin = new Access({
    keyId: "admin",
    name: "admin",
    tenant: null,
    scopes: ["admin"],
    expiresAt: null,
    ended: () => never,
  })

  constructor({ adminHashes, keys, wrongKeys }: AuthenticatorOptions) {
    this.#adminHashes = adminHashes
    this.#keys = keys
    this.#wrongKeys = new WrongKeys(wrongKeys)
  }

  /** Rejects with `auth.missing`, `auth.invalid` or `auth.rate-limited`. */
  async accessOf(authorization: string | undefined, address: string): Promise<Access> {
    if (authorization === undefined) throw new MayflyError("auth.missing", "the request has no Authorization header")
    const found = await this.#find(authorization)
    if (found instanceof Access) return found
    this.#wrongKeys.count(address, Date.now())
    throw new MayflyError("auth.invalid", found)
  }

  /** What is wrong with it, when something is. */
  async #find(authorization: string): Promise<Access | string> {
    const key = /^bearer +(\S+)$/i.exec(authorization)?.[1]
    if (key === undefined) return "the Authorization header is not a bearer key"
    if (!isKey(key)) return "the key is not of the form that keys have here"
    const hash = hashKey(key)
    // All of them, whichever it is: the time says nothing. What is looked up is a hash, of which a caller can't choose the beginning.
    const matches = this.#adminHashes.filter((known) => isSameHash(hash, known))
    if (matches.length > 0) return this.#admin
    const known = await this.#keys.find(hash)
    if (known === undefined) return "the key is not known here"
    const problem = known.problem(Date.now())
    if (problem !== undefined) return problem === "revoked" ? "the key was revoked" : "the key has expired"
    this.#keys.use(known)
    return known.access
  }
}
