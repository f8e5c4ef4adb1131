import type { Platform } from "@mayfly/platform"

type Workers = ReturnType<Platform["workers"]>

/** What a platform here and a connection to a server both have. That both fit it is what the compiler checks. */
export interface SharedPlatform {
  readonly usage: Pick<Platform["usage"], "query">
  readonly runs: Pick<Platform["runs"], "list" | "get" | "cancel">
  readonly tenants: Pick<Platform["tenants"], "get" | "list" | "set" | "suspend" | "resume">
  readonly ledger: Pick<Platform["ledger"], "query" | "follow" | "summary" | "verify">
  readonly approvals: Pick<Platform["approvals"], "list" | "get" | "decide">
  workers(tenant: string): SharedWorkers
}

type SharedWorkers = Pick<
  Workers,
  "deploy" | "get" | "list" | "versions" | "rollback" | "remove" | "execute" | "stream"
> & {
  fetch(name: string, request: Request): Promise<Pick<Response, "status" | "headers" | "body" | "text">>
}
