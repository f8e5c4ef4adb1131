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

export interface Decision {
  readonly decision: "allow" | "deny"
  /** Default "once". */
  readonly scope?: ApprovalScope
  /** How long it counts. Default one hour; "once" counts for as long, and once. */
  readonly expiresInMs?: number
  /** Who decided. */
  readonly by?: string
  /** Only a question of this tenant's. Default: of any. */
  readonly tenant?: string
}

export interface ListApprovals {
  readonly tenant?: string
  readonly status?: Approval["status"]
  /** Default 100, at most 1,000. */
  readonly limit?: number
  /** The id of the last one of the page before. */
  readonly cursor?: string
}
