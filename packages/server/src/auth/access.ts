import { MayflyError, type Scope } from "@mayfly/protocol"
import { tenantOf } from "../tenant-of.ts"

export interface AccessOptions {
  readonly keyId: string
  readonly name: string
  /** Null: of all tenants. */
  readonly tenant: string | null
  readonly scopes: readonly Scope[]
  readonly expiresAt: number | null
  /** Fires when the key stops to count. */
  readonly ended: () => AbortSignal
}

/** What the key of a request may do. */
export class Access {
  readonly keyId: string
  readonly name: string
  /** The only tenant that it may act for; null: any. */
  readonly ownTenant: string | null
  readonly scopes: readonly Scope[]
  readonly expiresAt: number | null
  readonly #ended: () => AbortSignal

  constructor({ keyId, name, tenant, scopes, expiresAt, ended }: AccessOptions) {
    this.keyId = keyId
    this.name = name
    this.ownTenant = tenant
    this.scopes = scopes
    this.expiresAt = expiresAt
    this.#ended = ended
  }

  /** Fires when the key is revoked or has expired: what stays open, such as streams and sockets, must end then. */
  get ended(): AbortSignal {
    return this.#ended()
  }

  /** The tenant to act for: the key's own, or the one that is named, or "default". Throws `auth.forbidden` for another one than the key's. */
  tenant(named: unknown): string {
    return this.tenantFilter(named) ?? "default"
  }

  /** For lists: the key's own tenant, or the one that is named; undefined: all. */
  tenantFilter(named: unknown): string | undefined {
    const wanted = named === undefined ? undefined : tenantOf(named)
    if (this.ownTenant === null || wanted === this.ownTenant) return wanted
    if (wanted === undefined) return this.ownTenant
    throw new MayflyError("auth.forbidden", `the key is of tenant "${this.ownTenant}" and can't act for "${wanted}"`, {
      details: { tenant: this.ownTenant },
      fix: "Leave tenant out, or use a key of that tenant or an admin key of all tenants.",
    })
  }

  /** Whether it may see what belongs to `tenant`. */
  reaches(tenant: string): boolean {
    return this.ownTenant === null || this.ownTenant === tenant
  }

  has(scope: Scope): boolean {
    return this.scopes.includes(scope) || this.scopes.includes("admin")
  }
}
