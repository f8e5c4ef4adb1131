import { MayflyError } from "@mayfly/protocol"
import type { MiddlewareHandler } from "hono"

/** What asks how the server is, and gets an answer to the end. */
const stillAnswered: ReadonlySet<string> = new Set(["/healthz", "/readyz", "/metrics"])

/** A server that stops takes nothing new: it says so, which a client can act on, instead of refusing connections. */
export function refuseDraining(draining: AbortSignal): MiddlewareHandler {
  return async (c, next) => {
    if (draining.aborted && !stillAnswered.has(c.req.path)) {
      c.header("connection", "close")
      throw new MayflyError("server.stopping", "the server stops and takes no new requests", {
        details: { retryAfterMs: 1_000 },
      })
    }
    await next()
  }
}
