import type { UsageQuery, UsageReport } from "@mayfly/protocol"
import type { Http } from "./http.ts"

/** What was used, exact to the millisecond. */
export class RemoteUsage {
  readonly #http: Http

  constructor(http: Http) {
    this.#http = http
  }

  /** Default: this month, and the connection's tenant, with a key of all tenants all of them. */
  async query({ by, ...query }: UsageQuery = {}): Promise<UsageReport> {
    return this.#http.json("GET", "/v1/usage", { query: { ...query, by: by?.join(",") } })
  }
}
