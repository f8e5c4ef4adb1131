/** What may be shown of a key. Times are epoch milliseconds. */
export interface KeyInfo {
  readonly id: string
  readonly name: string
  readonly scopes: readonly Scope[]
  /** Null: of all tenants. */
  readonly tenant: string | null
  readonly createdBy: string
  readonly createdAt: number
  readonly expiresAt: number | null
  readonly revokedAt: number | null
  readonly lastUsedAt: number | null
}

/** What a key may be for. `admin` includes the others. */
export type Scope = "run" | "workflows" | "sandboxes" | "ledger" | "admin"

export const keyScopes = ["run", "workflows", "sandboxes", "ledger", "admin"] as const satisfies readonly Scope[]
