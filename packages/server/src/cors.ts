import { MayflyError } from "@mayfly/protocol"
import type { MiddlewareHandler } from "hono"
import { cors as honoCors } from "hono/cors"

/** Lets pages of these origins call: answers their preflights, and lets them read answers. Others were refused before. Throws `input.invalid`. */
export function cors(origins: readonly string[]): MiddlewareHandler {
  for (const origin of origins) checkOrigin(origin)
  const allow = honoCors({
    origin: (origin) => (origins.includes(origin) ? origin : null),
    allowMethods: ["GET", "PUT", "POST", "PATCH", "DELETE"],
    allowHeaders: [
      "accept",
      "authorization",
      "content-type",
      "idempotency-key",
      "last-event-id",
      "x-mayfly-tenant",
      "x-request-id",
    ],
    exposeHeaders: ["idempotency-replayed", "ratelimit", "ratelimit-policy", "retry-after", "x-request-id"],
    maxAge: 600,
  })
  return (c, next) => (origins.includes(c.req.header("origin") ?? "") ? allow(c, next) : next())
}

/** As browsers send it. A star would let every page of the web use a key that it got hold of. */
function checkOrigin(origin: string): void {
  const parsed = URL.parse(origin)
  const isWeb = parsed?.protocol === "https:" || parsed?.protocol === "http:"
  if (isWeb && parsed.origin === origin && !origin.includes("*")) return
  const message = `corsOrigins has "${origin.slice(0, 200)}", which is no origin such as https://app.example.com`
  throw new MayflyError("input.invalid", message, { details: { path: "corsOrigins" } })
}
