/** What a key may be for. `admin` includes the others. */
export const scopes = ["run", "workflows", "sandboxes", "ledger", "admin"] as const

export type Scope = (typeof scopes)[number]
