import type { MiddlewareHandler } from "hono"
import type { Authenticator } from "./authenticator.ts"

/** Finds out who asks; refuses every request without a key that counts, except where no key is asked for. */
export function requireKey(
  authenticator: Authenticator,
  isOpen: (method: string, path: string) => boolean,
): MiddlewareHandler {
  return async (c, next) => {
    if (!isOpen(c.req.method, c.req.path)) {
      c.set("access", await authenticator.accessOf(c.req.header("authorization"), addressOf(c.env)))
    }
    await next()
  }
}

/** Of the connection: what a proxy says of its clients is not asked. */
function addressOf(env: unknown): string {
  const { incoming } = (env ?? {}) as { incoming?: { socket?: { remoteAddress?: string } } }
  return incoming?.socket?.remoteAddress ?? "local"
}
