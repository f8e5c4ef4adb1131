import { pathSegment } from "@mayfly/protocol"
import type { Http } from "./http.ts"

/** Credentials that the server adds to requests on their way out. Values never come back. */
export class RemoteSecrets {
  readonly #http: Http

  constructor(http: Http) {
    this.#http = http
  }

  async set(name: string, value: string): Promise<void> {
    const tenant = this.#http.tenant === undefined ? {} : { tenant: this.#http.tenant }
    await this.#http.json("PUT", `/v1/secrets/${pathSegment(name)}`, { json: { value, ...tenant } })
  }

  async list(): Promise<readonly { readonly name: string; readonly updatedAt: number }[]> {
    return (await this.#http.json<{ secrets: { name: string; updatedAt: number }[] }>("GET", "/v1/secrets")).secrets
  }

  async delete(name: string): Promise<void> {
    await this.#http.json("DELETE", `/v1/secrets/${pathSegment(name)}`)
  }
}
