import { MayflyError } from "@mayfly/protocol"
import type { MiddlewareHandler } from "hono"
import { isAllowedHost, isOwnOrigin } from "./allowed-host.ts"

/** Refuses requests that a foreign web page made the user's browser send. */
export function checkHost(bound: string, more: readonly string[]): MiddlewareHandler {
  return async (c, next) => {
    const host = c.req.header("host") ?? new URL(c.req.url).host
    if (!isAllowedHost(host, bound, more)) {
      throw new MayflyError("auth.host", `the server does not answer to the host "${host}"`, { details: { host } })
    }
    const origin = c.req.header("origin")
    if (!isOwnOrigin(origin, host)) {
      throw new MayflyError("auth.host", `pages of "${origin ?? ""}" may not call this server`, { details: { origin } })
    }
    await next()
  }
}
