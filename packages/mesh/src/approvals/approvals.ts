import { createHash, randomUUID } from "node:crypto"
import { EventEmitter } from "node:events"
import { MayflyError, type Approval, type ApprovalQuestion, type Decision, type ListApprovals } from "@mayfly/protocol"
import { moduleBeside, type Store, type StoreOwner, type Tables } from "@mayfly/store"
import { approvalOf, type ApprovalRow } from "./approval.ts"
import type { procedures } from "./approval-procedures.ts"

/** Questions to people about requests that a policy leaves open (`ask`), and their answers. */
export interface ApprovalDesk {
  /**
   * Resolves with what people decided, now or before; "pending" when nobody did in time, the next request like it then finds the answer.
   * With nobody there to be asked it is "deny". Rejects when `signal` aborts.
   */
  ask(question: ApprovalQuestion, signal: AbortSignal): Promise<"allow" | "deny" | "pending">
  /** The newest first. */
  list(options?: ListApprovals): Promise<readonly Approval[]>
  get(id: string): Promise<Approval | null>
  /** Rejects with `mesh.approval-unknown` when there is no such question, or it is decided or expired. */
  decide(id: string, decision: Decision): Promise<Approval>
  /** Called with each new question. Whoever listens can decide, so that runs wait for an answer. Returns what ends it. */
  onQuestion(listener: (approval: Approval) => void): () => void
  /** Called with each question that was decided here. Returns what ends it. */
  onDecision(listener: (approval: Approval) => void): () => void
}

export interface ApprovalsOptions {
  /** Whether somebody can be asked though nobody listens here: a person at an API or a command line. Default false. */
  readonly attended?: boolean
  /** How long a request waits for an answer. Default 5 minutes; its run's limits count on. */
  readonly waitMs?: number
  /** How long a question stays open. Default one day. */
  readonly openMs?: number
  /** How long a question is kept for people to look at, when it and its answer have expired. Default 30 days. */
  readonly keepMs?: number
}

const owner: StoreOwner = {
  name: "approvals",
  migrations: [
    `CREATE TABLE approvals_approvals (
      id TEXT PRIMARY KEY, tenant TEXT NOT NULL, run_id TEXT NOT NULL, worker TEXT, sandbox_id TEXT, step TEXT,
      method TEXT NOT NULL, origin TEXT NOT NULL, path TEXT NOT NULL, excerpt TEXT,
      status TEXT NOT NULL, scope TEXT, created_at BIGINT NOT NULL, expires_at BIGINT NOT NULL,
      decided_at BIGINT, decided_by TEXT, used_at BIGINT
    );
    CREATE INDEX approvals_by_origin ON approvals_approvals (tenant, origin, status);
    CREATE INDEX approvals_by_time ON approvals_approvals (created_at)`,
  ],
  procedures: moduleBeside("approval-procedures", import.meta.url),
}

const maxPending = 1_000
const maxText = 2_000
const hourMs = 3_600_000
const scopes: readonly unknown[] = ["once", "run", "worker", "tenant"]

/** The approvals in `store`. */
export async function openApprovals(store: Store, options: ApprovalsOptions = {}): Promise<ApprovalDesk> {
  return new StoredApprovals(await store.attach<typeof procedures>(owner), options)
}

class StoredApprovals implements ApprovalDesk {
  readonly #tables: Tables<typeof procedures>
  readonly #options: Required<ApprovalsOptions>
  readonly #events = new EventEmitter<
    { question: [Approval]; decision: [Approval] } & Record<`decided ${string}`, []>
  >()

  constructor(
    tables: Tables<typeof procedures>,
    { attended = false, waitMs = 300_000, openMs = 24 * hourMs, keepMs = 720 * hourMs }: ApprovalsOptions,
  ) {
    this.#tables = tables
    this.#options = { attended, waitMs, openMs, keepMs }
    // One listener for each request that waits, which limits bound elsewhere.
    this.#events.setMaxListeners(0)
  }

  async ask(question: ApprovalQuestion, signal: AbortSignal): Promise<"allow" | "deny" | "pending"> {
    signal.throwIfAborted()
    const now = Date.now()
    const isAttended = this.#options.attended || this.#events.listenerCount("question") > 0
    const asked = await this.#tables.call("ask", {
      ...shortened(question),
      id: `apr_${randomUUID()}`,
      now,
      expiresAt: now + this.#options.openMs,
      forgetBefore: now - this.#options.keepMs,
      maxPending: isAttended ? maxPending : 0,
    })
    if (asked.status === "full") return "deny"
    if (asked.status !== "pending") return asked.status === "allowed" ? "allow" : "deny"
    if (!isAttended) return "deny"
    if (asked.isNew) await this.#announce(asked.id)
    await this.#decided(asked.id, signal)
    const settled = await this.#tables.call("settle", { id: asked.id, now: Date.now() })
    return settled === "pending" ? "pending" : settled === "allowed" ? "allow" : "deny"
  }

  async #announce(id: string): Promise<void> {
    const approval = await this.get(id)
    if (approval !== null) this.#tell("question", approval)
  }

  /** A listener that fails must not fail the question, nor a decision that is made already. */
  #tell(event: "question" | "decision", approval: Approval): void {
    for (const listener of this.#events.listeners(event)) {
      try {
        listener(approval)
      } catch (error) {
        process.emitWarning(error as Error)
      }
    }
  }

  /** Resolves when it is decided, or after `waitMs`. */
  async #decided(id: string, signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const abort = (): void => reject(signal.reason as Error)
    const timer = setTimeout(resolve, this.#options.waitMs)
    this.#events.once(`decided ${id}`, resolve)
    signal.addEventListener("abort", abort, { once: true })
    try {
      // It may have been decided before we listened.
      const known = await this.get(id)
      if (known?.status === "pending" && !signal.aborted) await promise
      signal.throwIfAborted()
    } finally {
      clearTimeout(timer)
      this.#events.off(`decided ${id}`, resolve)
      signal.removeEventListener("abort", abort)
    }
  }

  async list({ tenant, status, limit = 100, cursor }: ListApprovals = {}): Promise<readonly Approval[]> {
    const now = Date.now()
    const rows = await this.#tables.read<ApprovalRow>(
      `SELECT * FROM approvals_approvals WHERE (? IS NULL OR tenant = ?)
       AND (? IS NULL OR CASE WHEN status = 'pending' AND expires_at <= ? THEN 'expired' ELSE status END = ?)
       AND (? IS NULL OR EXISTS (SELECT 1 FROM approvals_approvals AS last WHERE last.id = ?
         AND (approvals_approvals.created_at < last.created_at
           OR (approvals_approvals.created_at = last.created_at AND approvals_approvals.id > last.id))))
       ORDER BY created_at DESC, id LIMIT ?`,
      [
        tenant ?? null,
        tenant ?? null,
        status ?? null,
        now,
        status ?? null,
        cursor ?? null,
        cursor ?? null,
        Math.min(limit, 1e3),
      ],
    )
    return rows.map((row) => approvalOf(row, now))
  }

  async get(id: string): Promise<Approval | null> {
    const [row] = await this.#tables.read<ApprovalRow>("SELECT * FROM approvals_approvals WHERE id = ?", [id])
    return row === undefined ? null : approvalOf(row, Date.now())
  }

  async decide(id: string, decision: Decision): Promise<Approval> {
    const { scope = "once", expiresInMs = hourMs, by = "", tenant = null } = checked(decision)
    const now = Date.now()
    const status = decision.decision === "allow" ? "allowed" : "denied"
    const wasOpen = await this.#tables.call("decide", {
      id,
      tenant,
      status,
      scope,
      now,
      expiresAt: now + expiresInMs,
      by: by.slice(0, maxText),
    })
    const approval = await this.get(id)
    if (!wasOpen || approval === null) throw notOpen(id, approval, tenant)
    this.#events.emit(`decided ${id}`)
    this.#tell("decision", approval)
    return approval
  }

  onQuestion(listener: (approval: Approval) => void): () => void {
    this.#events.on("question", listener)
    return () => void this.#events.off("question", listener)
  }

  onDecision(listener: (approval: Approval) => void): () => void {
    this.#events.on("decision", listener)
    return () => void this.#events.off("decision", listener)
  }
}

/** Texts of a guest's, as long as a person reads. */
function shortened(question: ApprovalQuestion): ApprovalQuestion {
  const { excerpt, ...rest } = question
  const short = {
    ...rest,
    method: rest.method.slice(0, 40),
    path: shortPath(rest.path),
    origin: rest.origin.slice(0, maxText),
  }
  return excerpt === undefined ? short : { ...short, excerpt: excerpt.slice(0, maxText) }
}

/** Two paths that begin alike are two questions: what is cut off stands there as its hash. */
function shortPath(path: string): string {
  if (path.length <= maxText) return path
  const hash = createHash("sha256").update(path).digest("hex")
  return `${path.slice(0, maxText - hash.length - 1)}…${hash}`
}

function checked(decision: Decision): Decision {
  const { scope, expiresInMs } = decision
  if (decision.decision !== "allow" && decision.decision !== "deny")
    throw invalid("decision", `must be "allow" or "deny"`)
  if (scope !== undefined && !scopes.includes(scope))
    throw invalid("scope", `must be "once", "run", "worker" or "tenant"`)
  if (expiresInMs !== undefined && !(Number.isSafeInteger(expiresInMs) && expiresInMs > 0)) {
    throw invalid("expiresInMs", "must be a whole number of milliseconds above 0")
  }
  return decision
}

function notOpen(id: string, approval: Approval | null, tenant: string | null): MayflyError {
  // Another tenant's question looks like none.
  const isKnown = approval !== null && (tenant === null || approval.tenant === tenant)
  const message = isKnown
    ? `the approval "${id}" is ${approval.status} already`
    : `there is no approval "${id.slice(0, 100)}"`
  return new MayflyError("mesh.approval-unknown", message, { details: isKnown ? { status: approval.status } : {} })
}

function invalid(path: string, problem: string): MayflyError {
  return new MayflyError("input.invalid", `${path} ${problem}`, { details: { path } })
}
