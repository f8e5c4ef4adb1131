export interface KeyFields {
  /** The host's name for the key. Guest code never sees it; a forged one would reach only keys of the same run. */
  readonly id: number
  readonly type: "secret" | "public" | "private"
  readonly extractable: boolean
  readonly algorithm: Readonly<Record<string, unknown>>
  readonly usages: readonly string[]
}

// What the next construction takes. Null whenever guest code runs, so that `new CryptoKey()` fails as it must.
let prepared: KeyFields | null = null

/** The host's id of a key, or null when `value` is not a CryptoKey. */
export let keyId: (value: unknown) => number | null

/** A handle. The key itself stays in the host. https://w3c.github.io/webcrypto/#cryptokey-interface */
export class CryptoKey {
  static {
    keyId = (value) => (typeof value === "object" && value !== null && #fields in value ? value.#fields.id : null)
  }

  #fields: KeyFields

  constructor() {
    if (prepared === null) throw new TypeError("Illegal constructor")
    this.#fields = prepared
    prepared = null
  }

  get type(): string {
    return this.#fields.type
  }

  get extractable(): boolean {
    return this.#fields.extractable
  }

  get algorithm(): object {
    return this.#fields.algorithm
  }

  get usages(): readonly string[] {
    return this.#fields.usages
  }

  get [Symbol.toStringTag](): string {
    return "CryptoKey"
  }
}

export function makeKey(fields: KeyFields): CryptoKey {
  prepared = fields
  return new CryptoKey()
}
