import { first, run, type Steps } from "@mayfly/store/steps"

export interface BeginArgument {
  readonly tenant: string
  readonly key: string
  /** Hash of the whole request. */
  readonly request: string
  /** Who carries it out: an answer that is missing when this process is gone will never come. */
  readonly process: string
  readonly now: number
  readonly forgetBefore: number
  readonly maxKeys: number
  readonly maxBytes: number
}

export interface FinishArgument {
  readonly tenant: string
  readonly key: string
  readonly process: string
  readonly status: number
  readonly type: string
  /** Null: too large to be kept. */
  readonly body: string | null
}

export interface KeptRequest {
  readonly request: string
  readonly process: string
  /** Null while it is carried out. */
  readonly status: number | null
  readonly type: string | null
  readonly body: string | null
}

const find = "SELECT request, process, status, type, body FROM idempotency_answers WHERE tenant = ? AND key = ?"

export const procedures = {
  /** Takes the key for a request, or gives what it was taken for. */
  *begin({ tenant, key, request, process, now, ...bounds }: BeginArgument): Steps<KeptRequest | null> {
    yield* run("DELETE FROM idempotency_answers WHERE created_at < ?", bounds.forgetBefore)
    const known = yield* first<KeptRequest & Record<string, never>>(find, tenant, key)
    if (known !== undefined) return known
    yield* makeRoom(tenant, bounds)
    yield* run(
      "INSERT INTO idempotency_answers (tenant, key, request, process, created_at, bytes) VALUES (?, ?, ?, ?, ?, 0)",
      tenant,
      key,
      request,
      process,
      now,
    )
    return null
  },

  *finish({ tenant, key, process, status, type, body }: FinishArgument): Steps<number> {
    return yield* run(
      "UPDATE idempotency_answers SET status = ?, type = ?, body = ?, bytes = ? WHERE tenant = ? AND key = ? AND process = ?",
      status,
      type,
      body,
      body?.length ?? 0,
      tenant,
      key,
      process,
    )
  },
}

/** The oldest answers of the tenant go, never a request under way. */
function* makeRoom(tenant: string, { maxKeys, maxBytes }: Pick<BeginArgument, "maxKeys" | "maxBytes">): Steps<void> {
  for (;;) {
    const kept = yield* first<{ n: number; bytes: number }>(
      "SELECT COUNT(*) AS n, COALESCE(SUM(bytes), 0) AS bytes FROM idempotency_answers WHERE tenant = ?",
      tenant,
    )
    if (kept === undefined || (kept.n < maxKeys && kept.bytes < maxBytes)) return
    const gone = yield* run(
      `DELETE FROM idempotency_answers WHERE tenant = ? AND key IN (SELECT key FROM idempotency_answers
         WHERE tenant = ? AND status IS NOT NULL ORDER BY created_at LIMIT ?)`,
      tenant,
      tenant,
      Math.ceil(maxKeys / 10),
    )
    if (gone === 0) return
  }
}
