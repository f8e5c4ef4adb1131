import { type KeyInfo, pathSegment, type Scope } from "@mayfly/protocol"
import type { Http } from "./http.ts"

/** These routes take no tenant in their query. */
const query = { tenant: undefined }

/** Keys of the server. Needs one with the scope `admin`. */
export class RemoteKeys {
  readonly #http: Http

  constructor(http: Http) {
    this.#http = http
  }

  /** The key itself is shown only now. */
  async create(options: {
    readonly name: string
    readonly scopes: readonly Scope[]
    readonly tenant?: string | null
    readonly expiresInMs?: number
  }): Promise<KeyInfo & { readonly key: string }> {
    return this.#http.json("POST", "/v1/keys", { json: options, query, retry: false })
  }

  async list(): Promise<readonly KeyInfo[]> {
    return this.#http.all("/v1/keys", "keys")
  }

  /** Ends at once what is open with it. */
  async revoke(id: string): Promise<void> {
    await this.#http.json("DELETE", `/v1/keys/${pathSegment(id)}`, { query })
  }
}
