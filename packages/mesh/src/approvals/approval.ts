import type { SqlRow } from "@mayfly/store"

/** For how long a yes or a no counts. "once": the next request like it; "run", "worker", "tenant": all of that one's to this origin. */
export type ApprovalScope = "once" | "run" | "worker" | "tenant"

/** Why a program wants to leave, as far as it is known. Everything in it may come from a guest. */
export interface ApprovalQuestion {
  readonly tenant: string
  readonly runId: string
  /** The content hash of the program, when one is known. */
  readonly worker?: string
  readonly sandboxId?: string
  readonly step?: string
  readonly method: string
  readonly origin: string
  readonly path: string
  /** The lines of the program around the request, or its beginning. */
  readonly excerpt?: string
}

/** A question that was put to people, and what became of it. Times are epoch milliseconds. */
export interface Approval extends ApprovalQuestion {
  readonly id: string
  readonly status: "pending" | "allowed" | "denied" | "expired"
  readonly createdAt: number
  /** When a pending question, or a decision, stops to count. */
  readonly expiresAt: number
  readonly scope: ApprovalScope | null
  readonly decidedAt: number | null
  /** Who decided, as they said or as their key is named. */
  readonly decidedBy: string | null
}

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
