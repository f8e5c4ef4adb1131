import { MayflyError } from "@mayfly/protocol"
import type { MiddlewareHandler } from "hono"
import { isKnownKey } from "./api-key.ts"

/** Refuses every request without a key of this server, except on the paths that are open. */
export function requireKey(hashes: readonly string[], open: readonly (string | RegExp)[]): MiddlewareHandler {
  return async (c, next) => {
    const isOpen = open.some((path) => (typeof path === "string" ? path === c.req.path : path.test(c.req.path)))
    if (!isOpen) checkKey(c.req.header("authorization"), hashes)
    await next()
  }
}

function checkKey(authorization: string | undefined, hashes: readonly string[]): void {
  if (authorization === undefined) throw new MayflyError("auth.missing", "the request has no Authorization header")
  const key = /^bearer +(\S+)$/i.exec(authorization)?.[1]
  if (key === undefined) throw new MayflyError("auth.invalid", "the Authorization header is not a bearer key")
  if (!isKnownKey(key, hashes)) throw new MayflyError("auth.invalid", "the key is not known here")
}
