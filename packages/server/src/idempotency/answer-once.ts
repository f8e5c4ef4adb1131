import { createHash } from "node:crypto"
import { MayflyError } from "@mayfly/protocol"
import type { Context } from "hono"
import { errorBody } from "../error-response.ts"
import { invalid } from "../parse-fields.ts"
import { takesIdempotency } from "../route/open-api.ts"
import type { Route } from "../route/route.ts"
import type { ServerParts } from "../route/server-parts.ts"
import { unexpected } from "../server-log.ts"
import { wantsEvents } from "../wants-events.ts"
import type { KeptAnswer, KeyedRequest, Outcome } from "./idempotency.ts"

const header = "Idempotency-Key"

/** The key of a change that must happen once. Throws `input.invalid` where that can't be promised: deafness would be worse. */
export function idempotencyKeyOf(c: Context, route: Route): string | undefined {
  const key = c.req.header(header)
  if (key === undefined || route.method === "get" || route.scope === "open") return undefined
  if (!/^[\x21-\x7e]{1,255}$/.test(key)) throw invalid(header, "must be 1 to 255 visible ASCII characters")
  if (takesIdempotency(route) && !(route.answer.events !== undefined && wantsEvents(c.req.header("accept")))) return key
  const why = route.refusesIdempotency ?? "its body or its answer is a stream, which is not kept"
  throw invalid(header, `is not taken here: ${why}. Leave it out`)
}

/** Everything by which two requests differ. */
export function fingerprintOf(c: Context, body: string): string {
  const { pathname, search } = new URL(c.req.url)
  return createHash("sha256").update(`${c.req.method} ${pathname}${search}\n`).update(body).digest("hex")
}

/** Answers from what is kept, or carries the request out and keeps the answer. */
export async function answerOnce(
  c: Context,
  given: KeyedRequest,
  { idempotency, stopping, log }: ServerParts,
  act: () => Promise<Response>,
): Promise<Response> {
  const kept = await idempotency.begin(given)
  if (kept !== undefined) return replay(c, kept)
  let outcome: Outcome = "cut-off"
  try {
    const response = await act()
    const body = await response.clone().text()
    const type = response.headers.get("content-type") ?? ""
    // What was cancelled because the server stops has no answer that is worth keeping.
    if (!stopping.aborted) outcome = { status: response.status, type, body }
    return response
  } catch (error) {
    outcome = outcomeOf(error, String(c.get("requestId")))
    throw error
  } finally {
    const requestId = String(c.get("requestId"))
    await idempotency.finish(given, outcome).catch((error: unknown) => log(unexpected(error, requestId)))
  }
}

function outcomeOf(error: unknown, requestId: string): Outcome {
  // Nobody knows how far it came.
  if (!(error instanceof MayflyError)) return "cut-off"
  if (error.retry || error.status === 429) return "try-again"
  return { status: error.status, type: "application/json", body: JSON.stringify(errorBody(error, requestId)) }
}

function replay(c: Context, { status, type, body }: KeptAnswer): Response {
  c.header("idempotency-replayed", "true")
  if (body === "") return c.body(null, status as 204)
  return c.body(body, status as 200, { "content-type": type })
}
