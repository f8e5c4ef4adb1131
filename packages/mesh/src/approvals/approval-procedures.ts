import type { ApprovalQuestion, ApprovalScope } from "@mayfly/protocol"
import { first, run, type Steps } from "@mayfly/store/steps"
import type { ApprovalRow } from "./approval.ts"

export interface AskArgument extends ApprovalQuestion {
  readonly id: string
  readonly now: number
  readonly expiresAt: number
  /** A tenant may have this many open questions. */
  readonly maxPending: number
  /** Questions asked before this that count for nothing any more are forgotten. */
  readonly forgetBefore: number
}

/** What is known about a question: a decision that covers it, or the id of the open question. */
export type Asked =
  | { readonly status: "allowed" | "denied"; readonly id: string }
  | { readonly status: "pending"; readonly id: string; readonly isNew: boolean }
  | { readonly status: "full" }

export interface DecideArgument {
  readonly id: string
  readonly tenant: string | null
  readonly status: "allowed" | "denied"
  readonly scope: ApprovalScope
  readonly now: number
  readonly expiresAt: number
  readonly by: string
}

export interface LookArgument {
  readonly id: string
  readonly now: number
}

const covering = `SELECT * FROM approvals_approvals WHERE tenant = ? AND origin = ? AND status <> 'pending' AND expires_at > ?
  AND (scope = 'tenant' OR (scope = 'worker' AND worker = ?) OR (scope = 'run' AND run_id = ?)
    OR (scope = 'once' AND used_at IS NULL AND method = ? AND path = ? AND COALESCE(worker, run_id) = ?))
  ORDER BY CASE status WHEN 'denied' THEN 0 ELSE 1 END, decided_at DESC LIMIT 1`

const open = `SELECT * FROM approvals_approvals WHERE tenant = ? AND origin = ? AND status = 'pending' AND expires_at > ?
  AND method = ? AND path = ? AND COALESCE(worker, run_id) = ? LIMIT 1`

export const procedures = {
  /** Finds the decision that covers a request (a "no" wins), else the same open question, else opens one. */
  *ask(question: AskArgument): Steps<Asked> {
    const { tenant, origin, now, runId, method, path } = question
    const worker = question.worker ?? null
    const asker = worker ?? runId
    const known = yield* first<ApprovalRow>(covering, tenant, origin, now, worker, runId, method, path, asker)
    const used = known === undefined ? undefined : yield* use(known, now)
    if (used !== undefined && used.status !== "pending") return { ...used, status: used.status }
    const same = yield* first<ApprovalRow>(open, tenant, origin, now, method, path, asker)
    if (same !== undefined) return { status: "pending", id: same.id, isNew: false }
    const count = yield* first<{ n: number }>(
      "SELECT COUNT(*) AS n FROM approvals_approvals WHERE tenant = ? AND status = 'pending' AND expires_at > ?",
      tenant,
      now,
    )
    if ((count?.n ?? 0) >= question.maxPending) return { status: "full" }
    yield* run("DELETE FROM approvals_approvals WHERE created_at < ? AND expires_at <= ?", question.forgetBefore, now)
    yield* insert(question)
    return { status: "pending", id: question.id, isNew: true }
  },

  /** The first decision counts; a later one changes nothing. False when there is no such open question. */
  *decide({ id, tenant, status, scope, now, expiresAt, by }: DecideArgument): Steps<boolean> {
    const changes = yield* run(
      `UPDATE approvals_approvals SET status = ?, scope = ?, decided_at = ?, decided_by = ?, expires_at = ?
       WHERE id = ? AND status = 'pending' AND expires_at > ? AND (? IS NULL OR tenant = ?)`,
      status,
      scope,
      now,
      by,
      expiresAt,
      id,
      now,
      tenant,
      tenant,
    )
    return changes === 1
  },

  /** What became of an open question; uses up a decision that counts once. */
  *settle({ id, now }: LookArgument): Steps<"pending" | "allowed" | "denied"> {
    const row = yield* first<ApprovalRow>("SELECT * FROM approvals_approvals WHERE id = ?", id)
    if (row === undefined || row.status === "pending") return "pending"
    const { status } = yield* use(row, now)
    return status
  },
}

/** "pending" for a decision that counted once and is used up: two requests like it waited for it. */
function* use(
  { id, status, scope }: ApprovalRow,
  now: number,
): Steps<{ status: "allowed" | "denied" | "pending"; id: string }> {
  if (scope === "once") {
    const sql = "UPDATE approvals_approvals SET used_at = ? WHERE id = ? AND used_at IS NULL"
    if ((yield* run(sql, now, id)) === 0) return { status: "pending", id }
  }
  return { status: status === "allowed" ? "allowed" : "denied", id }
}

function* insert(question: AskArgument): Steps<number> {
  const { id, tenant, runId, worker, sandboxId, step, method, origin, path, excerpt, now, expiresAt } = question
  return yield* run(
    `INSERT INTO approvals_approvals (id, tenant, run_id, worker, sandbox_id, step, method, origin, path, excerpt, status, created_at, expires_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'pending', ?, ?)`,
    id,
    tenant,
    runId,
    worker ?? null,
    sandboxId ?? null,
    step ?? null,
    method,
    origin,
    path,
    excerpt ?? null,
    now,
    expiresAt,
  )
}
