import type { MiddlewareHandler } from "hono"
import { secureHeaders } from "hono/secure-headers"
import { docsPolicy } from "./docs-page.ts"
import { hookPaths } from "./hook-routes.ts"
import { pagePolicy } from "./page.ts"

/** Headers that tell browsers what answers may do: data nothing, pages what they need. */
export function securityHeaders(): MiddlewareHandler {
  return (c, next) => {
    const { path } = c.req
    if (guestPaths.test(path)) return guests(c, next)
    if (path === "/docs") return docs(c, next)
    if (path === "/" || hookPaths.test(path)) return pages(c, next)
    return data(c, next)
  }
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
