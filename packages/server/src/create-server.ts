import type { Platform } from "@mayfly/platform"
import { MayflyError } from "@mayfly/protocol"
import { type Context, Hono } from "hono"
import { type RequestIdVariables, requestId } from "hono/request-id"
import { secureHeaders } from "hono/secure-headers"
import type { ContentfulStatusCode } from "hono/utils/http-status"
import { addApprovalRoutes } from "./approval-routes.ts"
import { BodyBudget } from "./body-budget.ts"
import { checkHost } from "./check-host.ts"
import { errorBody, publicError } from "./error-response.ts"
import { addHookRoutes, hookPagePolicy, hookPaths } from "./hook-routes.ts"
import { ledgerRoute, summarizeLedgerRoute, verifyLedgerRoute } from "./ledger-route.ts"
import { Readiness } from "./readiness.ts"
import { RequestSlots } from "./request-slots.ts"
import { requireKey } from "./require-key.ts"
import { runRoute } from "./run-route.ts"
import { addSandboxRoutes } from "./sandbox-routes.ts"
import { addSecretRoutes } from "./secret-routes.ts"
import { type ServerLog, stderrLog, unexpected } from "./server-log.ts"
import { addWorkflowRoutes } from "./workflow-routes.ts"

export interface ServerOptions {
  /** Where programs run. The caller disposes it, after the server stopped. */
  readonly platform: Platform
  /** SHA-256 of every key that may call, as hex. */
  readonly keyHashes: readonly string[]
  /** The address that the server is bound to. Default 127.0.0.1. */
  readonly host?: string
  /** Further names by which the server may be called, behind a proxy for instance. */
  readonly allowedHosts?: readonly string[]
  /** Cancels all runs and makes /readyz say no. */
  readonly stopping?: AbortSignal
  /** Most runs asked for at once. Default 2,000. */
  readonly maxRequests?: number
  /** Largest request body. Default 96 MiB: the largest program, and its quotation marks. */
  readonly maxBodyBytes?: number
  /** Bytes of request bodies held at once. Default 512 MiB. */
  readonly maxHeldBytes?: number
  /** Default: JSON lines on stderr. */
  readonly log?: ServerLog
}

export type ServerApp = Hono<{ Variables: RequestIdVariables }>

/** Those who follow stay long; they must not take the places of runs. */
const maxFollowers = 100
const maxWorkflowFollowers = 500
const openPaths = ["/healthz", "/readyz", hookPaths]
const maxSandboxCalls = 500
const never = new AbortController().signal

/** The HTTP API as a function from Request to Response. It opens no socket; `listen` does. */
export function createServer(options: ServerOptions): { app: ServerApp } {
  const {
    platform,
    keyHashes,
    host = "127.0.0.1",
    allowedHosts = [],
    stopping = never,
    maxRequests = 2_000,
    log = stderrLog,
  } = options
  const { maxBodyBytes = 96 << 20, maxHeldBytes = 512 << 20 } = options
  const app: ServerApp = new Hono()
  app.use(
    requestId({ generator: newRequestId }),
    (c, next) => (hookPaths.test(c.req.path) ? pageHeaders(c, next) : headers(c, next)),
    checkHost(host, allowedHosts),
    requireKey(keyHashes, openPaths),
  )
  addHealth(app, new Readiness(platform), stopping)
  const slots = new RequestSlots(maxRequests)
  const body = { maxBytes: maxBodyBytes, budget: new BodyBudget(maxHeldBytes) }
  app.post("/v1/run", runRoute({ platform, slots, body, stopping, log }))
  const ledger = { platform, slots: new RequestSlots(maxFollowers), stopping, log }
  app.get("/v1/ledger", ledgerRoute(ledger))
  app.get("/v1/ledger/verify", verifyLedgerRoute(ledger))
  app.get("/v1/ledger/summary", summarizeLedgerRoute(ledger))
  addSecretRoutes(app, platform.secrets, body)
  addApprovalRoutes(app, platform.approvals, body, { slots: ledger.slots, stopping, log })
  const followers = new RequestSlots(maxWorkflowFollowers)
  addWorkflowRoutes(app, { platform, body, slots, followers, stopping, log })
  addHookRoutes(app, platform)
  addSandboxRoutes(app, { platform, body, slots: new RequestSlots(maxSandboxCalls), stopping, log })
  app.notFound((c) => answerError(c, new MayflyError("server.not-found", `there is no ${c.req.method} ${c.req.path}`)))
  app.onError((error, c) => {
    const known = publicError(error)
    if (known !== error) log(unexpected(error, c.get("requestId")))
    return answerError(c, known)
  })
  return { app }
}

const headers = secureHeaders({
  // Answers are data: nothing in them may run, be framed, or be kept.
  contentSecurityPolicy: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
  xFrameOptions: "DENY",
  strictTransportSecurity: false,
})

/** Pages for people. Their form names its origin only under this referrer policy; checkHost wants it. */
const pageHeaders = secureHeaders({
  contentSecurityPolicy: hookPagePolicy,
  referrerPolicy: "same-origin",
  xFrameOptions: "DENY",
  strictTransportSecurity: false,
})

function newRequestId(): string {
  return `req_${crypto.randomUUID().replaceAll("-", "")}`
}

function addHealth(app: ServerApp, readiness: Readiness, stopping: AbortSignal): void {
  app.get("/healthz", (c) => c.json({ status: "ok" }))
  app.get("/readyz", async (c) => {
    if (stopping.aborted) return c.json({ status: "stopping" }, 503)
    return (await readiness.isReady()) ? c.json({ status: "ready" }) : c.json({ status: "not-ready" }, 503)
  })
}

function answerError(c: Context, error: MayflyError): Response {
  const { retryAfterMs } = error.details
  if (typeof retryAfterMs === "number") c.header("retry-after", String(Math.ceil(retryAfterMs / 1_000)))
  if (error.status === 401) c.header("www-authenticate", "Bearer")
  return c.json(errorBody(error, String(c.get("requestId"))), error.status as ContentfulStatusCode)
}
