import { pathSegment, type TenantChanges, type TenantInfo } from "@mayfly/protocol"
import type { Http } from "./http.ts"

/** These routes take no tenant in their query. */
const query = { tenant: undefined }

/** Quotas, budgets and the kill switch. Needs an admin key of all tenants. */
export class RemoteTenants {
  readonly #http: Http

  constructor(http: Http) {
    this.#http = http
  }

  /** Those for which something is set, and those that have used something. */
  async list(): Promise<readonly TenantInfo[]> {
    return this.#http.all("/v1/tenants", "tenants", { query })
  }

  async get(tenant: string): Promise<TenantInfo> {
    return this.#http.json("GET", at(tenant), { query })
  }

  /** Sets what is given; quota and budget are replaced as a whole. */
  async set(tenant: string, changes: TenantChanges): Promise<TenantInfo> {
    return this.#change(tenant, changes)
  }

  /** Ends its runs, holds its workflows, stops its sandboxes, and refuses whatever it asks for with `tenant.suspended`, until `resume`. */
  async suspend(tenant: string, reason = ""): Promise<TenantInfo> {
    return this.#change(tenant, { suspended: true, reason })
  }

  /** Lifts it; its workflows go on. */
  async resume(tenant: string): Promise<TenantInfo> {
    return this.#change(tenant, { suspended: false })
  }

  async #change(tenant: string, json: object): Promise<TenantInfo> {
    return this.#http.json("PUT", at(tenant), { json, query })
  }
}

function at(tenant: string): string {
  return `/v1/tenants/${pathSegment(tenant)}`
}
