import type { ServerResponse } from "node:http"
import { MayflyError } from "@mayfly/protocol"
import type { Context } from "hono"
import type { Access } from "./auth/access.ts"
import type { FairShare } from "./fair-share.ts"

/** Smaller ones are bounded by the number of connections. */
const leastBytes = 64 << 10

/**
 * Counts an answer until its reader has taken it, or has gone: until then it is in memory, and readers may be as slow as they like. Throws
 * `worker.queue-full` when the tenant, or all, leave too much unread. What was asked for has been done then.
 */
export function holdAnswer(c: Context, bytes: number, answers: FairShare): void {
  const { outgoing } = (c.env ?? {}) as { readonly outgoing?: ServerResponse }
  if (outgoing === undefined || bytes < leastBytes) return
  const holder = (c.get("access") as Access | undefined)?.ownTenant ?? null
  const full = answers.take(bytes, holder)
  if (full === undefined) return void outgoing.once("close", () => answers.giveBack(bytes, holder))
  const message = `it was done, but ${full.limit} bytes of answers ${full.ofHolder ? `for tenant "${holder}" ` : ""}wait for their readers already`
  throw new MayflyError("worker.queue-full", message, {
    details: { limit: full.limit, retryAfterMs: 1_000 },
    fix: "Read answers as they come, or go away. A repeat with the same Idempotency-Key is not carried out twice.",
  })
}
