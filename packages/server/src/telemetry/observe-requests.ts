import { startSpan, withinSpan } from "@mayfly/protocol"
import type { Context, MiddlewareHandler } from "hono"
import { routePath } from "hono/route"
import { isAgreed } from "../sockets/socket-upgrade.ts"
import type { Access } from "../auth/access.ts"
import type { ServerLog } from "../server-log.ts"
import { holdUntilEnd } from "../workers/hold-until-end.ts"
import type { Metrics } from "./metrics.ts"

export interface ObserveOptions {
  readonly log: ServerLog
  readonly metrics?: Metrics | undefined
  /** Whether a caller's traceparent is the parent of what it asks for. */
  readonly trustCallers: boolean
}

/** What is asked every few seconds, by machines. */
const probes: ReadonlySet<string> = new Set(["/healthz", "/readyz", "/metrics"])
/** Others are a client's invention. */
const methods: ReadonlySet<string> = new Set(["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"])

/**
 * A line in the log, a number and a span for each request. It names the route's pattern, never the path or the query: those may hold tokens and names. What a
 * stream does after its head is not in its duration.
 */
export function observeRequests({ log, metrics, trustCallers }: ObserveOptions): MiddlewareHandler {
  return async (c, next) => {
    const startedAt = performance.now()
    const parent = trustCallers ? (c.req.header("traceparent") ?? null) : null
    const method = methods.has(c.req.method) ? c.req.method : "OTHER"
    const requestId = String(c.get("requestId"))
    const span = startSpan(method, { kind: "server", parent, attributes: { "mayfly.request.id": requestId } })
    try {
      await withinSpan(span, next)
    } finally {
      const status = isAgreed(c) ? 101 : c.res.status
      const route = patternOf(c)
      const durationMs = Math.round((performance.now() - startedAt) * 1_000) / 1_000
      log({
        level: levelOf(route, status),
        message: "request",
        requestId,
        method,
        route,
        status,
        durationMs,
        ...whoOf(c),
      })
      metrics?.request({ method, route, status, durationMs })
      if (metrics !== undefined && isStream(c.res)) c.res = counted(c.res, metrics)
      span?.rename(`${method} ${route}`)
      span?.set({ "http.request.method": method, "http.route": route, "http.response.status_code": status })
      span?.end(status >= 500 ? String(status) : undefined)
    }
  }
}

function levelOf(route: string, status: number): "debug" | "info" | "warn" {
  if (status >= 500) return "warn"
  return probes.has(route) ? "debug" : "info"
}

/** The key's public id and its tenant; nothing of the key. */
function whoOf(c: Context): { readonly keyId?: string; readonly tenant?: string } {
  const access = c.get("access") as Access | undefined
  if (access === undefined) return {}
  return { keyId: access.keyId, ...(access.ownTenant === null ? {} : { tenant: access.ownTenant }) }
}

/** Without the patterns of parameters, as they are documented. What is no route is "other". */
function patternOf(c: Context): string {
  const path = routePath(c, -1).replaceAll(/\{[^}]*\}/g, "")
  return path === "/*" || path === "*" || path === "" ? "other" : path
}

function isStream({ headers, body }: Response): boolean {
  return body !== null && headers.get("content-type")?.startsWith("text/event-stream") === true
}

/** Counted until it has ended, or its reader has gone. */
function counted(response: Response, metrics: Metrics): Response {
  metrics.streamOpened()
  const open = { [Symbol.dispose]: () => metrics.streamClosed() }
  return new Response(holdUntilEnd(response.body as ReadableStream<Uint8Array>, open), response)
}
