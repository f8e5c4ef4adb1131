import type { MiddlewareHandler } from "hono"
import { secureHeaders } from "hono/secure-headers"
import { docsPolicy } from "./docs-page.ts"
import { hookPaths } from "./hook-routes.ts"
import { pagePolicy } from "./page.ts"

/** Headers that tell browsers what answers may do: data nothing, pages what they need. */
export function securityHeaders(): MiddlewareHandler {
  return async (c, next) => {
    await policyOf(c.req.path)(c, next)
    // They are of a key, and some hold one.
    if (!c.res.headers.has("cache-control")) c.header("cache-control", "no-store")
  }
}

function policyOf(path: string): MiddlewareHandler {
  if (guestPaths.test(path)) return guests
  if (path === "/docs") return docs
  return path === "/" || hookPaths.test(path) ? pages : data
}

const common = { xFrameOptions: "DENY", strictTransportSecurity: false } as const

const guestPaths = /^\/v1\/workers\/[^/]+\/fetch(?:\/|$)/

/** A page of a program's has no origin, least of all ours, and loads and runs nothing. */
const guests = secureHeaders({
  ...common,
  contentSecurityPolicy: { sandbox: [], defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
})

/** Answers are data: nothing in them may run, be framed, or be kept. */
const data = secureHeaders({
  ...common,
  contentSecurityPolicy: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
})

/** Forms name their origin only under this referrer policy; checkHost wants it. */
const pages = secureHeaders({ ...common, contentSecurityPolicy: pagePolicy, referrerPolicy: "same-origin" })

const docs = secureHeaders({ ...common, contentSecurityPolicy: docsPolicy })
