import { MayflyError } from "@mayfly/protocol"
import type { MiddlewareHandler } from "hono"
import { isAllowedHost, isOwnOrigin } from "./allowed-host.ts"

export interface CheckHostOptions {
  /** The address that the server is bound to. */
  readonly bound: string
  /** Further names by which it may be called. */
  readonly more: readonly string[]
  /** Origins whose pages may call it. */
  readonly origins: readonly string[]
}

/** Refuses requests that a foreign web page made the user's browser send. */
export function checkHost({ bound, more, origins }: CheckHostOptions): MiddlewareHandler {
  return async (c, next) => {
    const host = c.req.header("host") ?? new URL(c.req.url).host
    if (!isAllowedHost(host, bound, more)) {
      throw new MayflyError("auth.host", `the server does not answer to the host "${host}"`, { details: { host } })
    }
    const origin = c.req.header("origin")
    if (!isOwnOrigin(origin, host) && !origins.includes(origin ?? "")) {
      throw new MayflyError("auth.host", `pages of "${origin ?? ""}" may not call this server`, { details: { origin } })
    }
    await next()
  }
}
