import type { ApprovalScope, Approval } from "@mayfly/protocol"
import type { SqlRow } from "@mayfly/store"

export interface ApprovalRow extends SqlRow {
  readonly id: string
  readonly tenant: string
  readonly run_id: string
  readonly worker: string | null
  readonly sandbox_id: string | null
  readonly step: string | null
  readonly method: string
  readonly origin: string
  readonly path: string
  readonly excerpt: string | null
  readonly status: "pending" | "allowed" | "denied"
  readonly scope: ApprovalScope | null
  readonly created_at: number
  readonly expires_at: number
  readonly decided_at: number | null
  readonly decided_by: string | null
}

export function approvalOf(row: ApprovalRow, now: number): Approval {
  const { worker, sandbox_id, step, excerpt } = row
  return {
    id: row.id,
    tenant: row.tenant,
    runId: row.run_id,
    ...(worker === null ? {} : { worker }),
    ...(sandbox_id === null ? {} : { sandboxId: sandbox_id }),
    ...(step === null ? {} : { step }),
    method: row.method,
    origin: row.origin,
    path: row.path,
    ...(excerpt === null ? {} : { excerpt }),
    status: row.status === "pending" && row.expires_at <= now ? "expired" : row.status,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    scope: row.scope,
    decidedAt: row.decided_at,
    decidedBy: row.decided_by,
  }
}
