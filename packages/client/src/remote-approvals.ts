import { pathSegment } from "@mayfly/protocol"
import type { Http } from "./http.ts"

export interface Approval {
  readonly id: string
  readonly status: "pending" | "allowed" | "denied" | "expired"
  readonly [field: string]: unknown
}

export interface Decision {
  readonly scope?: string
  readonly expiresInMs?: number
  readonly by?: string
}

/** Questions about requests that a policy leaves open (`ask`). */
export class RemoteApprovals {
  readonly #http: Http

  constructor(http: Http) {
    this.#http = http
  }

  /** The newest first. */
  async list(
    query: { readonly status?: Approval["status"]; readonly limit?: number } = {},
  ): Promise<readonly Approval[]> {
    return (await this.#http.json<{ approvals: Approval[] }>("GET", "/v1/approvals", { query: { ...query } })).approvals
  }

  async get(id: string): Promise<Approval> {
    return this.#http.json("GET", `/v1/approvals/${pathSegment(id)}`)
  }

  async allow(id: string, decision: Decision = {}): Promise<Approval> {
    return this.#http.json("POST", `/v1/approvals/${pathSegment(id)}/allow`, { json: decision })
  }

  async deny(id: string, decision: Decision = {}): Promise<Approval> {
    return this.#http.json("POST", `/v1/approvals/${pathSegment(id)}/deny`, { json: decision })
  }
}
