import { MayflyError } from "@mayfly/protocol"
import { first, type Steps } from "@mayfly/store/steps"

/** Whether the tenant has as many instances that have not ended as it may have; null: any number. */
export function* hasAllOpen(tenant: string, maxOpen: number | null | undefined): Steps<boolean> {
  if (maxOpen === null || maxOpen === undefined) return false
  const open = yield* first<{ n: number }>(
    "SELECT COUNT(*) AS n FROM workflows_instances WHERE tenant = ? AND status NOT IN ('complete', 'errored', 'terminated')",
    tenant,
  )
  return (open?.n ?? 0) >= maxOpen
}

/** Throws `quota.count`. */
export function* checkOpen(tenant: string, maxOpen: number | null | undefined): Steps<void> {
  if (!(yield* hasAllOpen(tenant, maxOpen))) return
  throw new MayflyError("quota.count", `tenant "${tenant}" has ${maxOpen} workflow instances that have not ended`, {
    details: { tenant, what: "workflows", most: maxOpen },
  })
}
