import type { UsageQuery, UsageReport } from "@mayfly/protocol"
import type { Http } from "./http.ts"

/** What was used, exact to the millisecond. */
export class RemoteUsage {
  readonly #http: Http

  constructor(http: Http) {
    this.#http = http
  }

  /** A page of it. Default: this month, and the connection's tenant, with a key of all tenants all of them. */
  async query({ by, ...query }: UsageQuery = {}): Promise<UsageReport> {
    const page: UsageReport = await this.#http.json("GET", "/v1/usage", { query: { ...query, by: by?.join(",") } })
    return { ...page, cursor: page.cursor ?? null }
  }
}
