import { MayflyError, pathSegment, type SecretInfo } from "@mayfly/protocol"
import type { Http } from "./http.ts"

/** Credentials that the server adds to requests on their way out. Values never come back. */
export class RemoteSecrets {
  readonly #http: Http

  constructor(http: Http) {
    this.#http = http
  }

  /** Sets or replaces. */
  async set(name: string, value: string): Promise<void> {
    const tenant = this.#http.tenant === undefined ? {} : { tenant: this.#http.tenant }
    await this.#http.json("PUT", at(name), { json: { value, ...tenant } })
  }

  async list(): Promise<readonly SecretInfo[]> {
    return this.#http.all("/v1/secrets", "secrets")
  }

  /** Whether there was one. */
  async remove(name: string): Promise<boolean> {
    try {
      await this.#http.json("DELETE", at(name))
      return true
    } catch (error) {
      if (error instanceof MayflyError && error.code === "server.not-found") return false
      throw error
    }
  }
}

function at(name: string): string {
  return `/v1/secrets/${pathSegment(name)}`
}
