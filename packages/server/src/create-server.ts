import type { Platform } from "@mayfly/platform"
import { MayflyError } from "@mayfly/protocol"
import { Hono } from "hono"
import type { RequestIdVariables } from "hono/request-id"
import { answerError } from "./answer-error.ts"
import type { Access } from "./auth/access.ts"
import { Authenticator } from "./auth/authenticator.ts"
import { Keys } from "./auth/keys.ts"
import { requireKey } from "./auth/require-key.ts"
import type { WrongKeyLimit } from "./auth/wrong-keys.ts"
import { BodyBudget } from "./body-budget.ts"
import { checkHost } from "./check-host.ts"
import { cors } from "./cors.ts"
import { publicError } from "./error-response.ts"
import { FairShare } from "./fair-share.ts"
import { Idempotency } from "./idempotency/idempotency.ts"
import { refuseDraining } from "./refuse-draining.ts"
import { requestId } from "./request-id.ts"
import { RequestSlots } from "./request-slots.ts"
import { addRoutes } from "./route/add-routes.ts"
import { openPaths } from "./route/open-paths.ts"
import type { ServerParts } from "./route/server-parts.ts"
import { routes } from "./route-groups.ts"
import { securityHeaders } from "./security-headers.ts"
import { type ServerLog, stderrLog, unexpected } from "./server-log.ts"
import { SocketRelays } from "./sockets/socket-relays.ts"
import type { Metrics } from "./telemetry/metrics.ts"
import { openMetrics } from "./telemetry/metrics-routes.ts"
import { observeRequests } from "./telemetry/observe-requests.ts"

export interface ServerOptions {
  /** Where programs run. The caller disposes it, after the server stopped. */
  readonly platform: Platform
  /** SHA-256 of every key that may do everything, as hex. Others are in the platform's store. */
  readonly keyHashes: readonly string[]
  /** The address that the server is bound to. Default 127.0.0.1. */
  readonly host?: string
  /** Further names by which the server may be called, behind a proxy for instance. */
  readonly allowedHosts?: readonly string[]
  /** Origins whose pages may call the API from browsers. Default: none but its own. */
  readonly corsOrigins?: readonly string[]
  /** Makes /readyz say no, and ends streams that can be taken up again. */
  readonly draining?: AbortSignal
  /** Cancels all runs. */
  readonly stopping?: AbortSignal
  /** Most runs asked for at once. Default 2,000. */
  readonly maxRequests?: number
  /** Largest request body. Default 96 MiB: the largest program, and its quotation marks. */
  readonly maxBodyBytes?: number
  /** How long a JSON body may take to arrive, and a stream of bytes may pause. Default 120 s. */
  readonly bodyTimeoutMs?: number
  /** Bytes of request bodies held at once. Default 512 MiB. */
  readonly maxHeldBytes?: number
  /** Wrong keys that one address may send, and in which time. Default 100 a minute. */
  readonly wrongKeys?: WrongKeyLimit
  /** Default: defects only, as JSON lines on stderr. */
  readonly log?: ServerLog
  /** What /metrics shows; without it that is not found. The caller disposes it. */
  readonly metrics?: Metrics
  /** Whether /metrics needs no key. Default false. */
  readonly metricsAreOpen?: boolean
  /** Whether a caller's `traceparent` is the parent of what it asks for. Default true. */
  readonly trustCallers?: boolean
}

export type ServerApp = Hono<{ Variables: RequestIdVariables & { access: Access } }>

const never = new AbortController().signal

export interface Server {
  /** The HTTP API as a function from Request to Response. */
  readonly app: ServerApp
  /** Writes what is left to write, before the platform is disposed. Calling twice is safe. */
  close(): Promise<void>
}

/** The HTTP API. It opens no socket; `listen` does. */
export function createServer(options: ServerOptions): Server {
  const { keyHashes, host: bound = "127.0.0.1", allowedHosts: more = [], log = stderrLog } = options
  const { corsOrigins: origins = [], wrongKeys = { max: 100, perMs: 60_000 } } = options
  const app: ServerApp = new Hono()
  const { metrics, metricsAreOpen = false, trustCallers = true } = options
  const parts = partsOf(options)
  const authenticator = new Authenticator({ adminHashes: keyHashes, keys: parts.keys, wrongKeys })
  // In this order: what comes later relies on what came before.
  app.use(
    requestId(),
    observeRequests({ log, metrics, trustCallers }),
    securityHeaders(),
    checkHost({ bound, more, origins }),
    cors(origins),
    refuseDraining(parts.draining),
  )
  if (metricsAreOpen) app.get("/metrics", openMetrics(metrics))
  app.use(requireKey(authenticator, openPaths(routes)))
  addRoutes(app, routes, { ...parts, self: async (request) => app.fetch(request) })
  app.notFound((c) => answerError(c, new MayflyError("server.not-found", `there is no ${c.req.method} ${c.req.path}`)))
  app.onError((error, c) => {
    const known = publicError(error)
    if (known !== error) log(unexpected(error, c.get("requestId")))
    return answerError(c, known)
  })
  return { app, close: () => parts.keys.close() }
}

function partsOf({
  platform,
  stopping = never,
  draining = stopping,
  maxRequests = 2_000,
  maxBodyBytes = 96 << 20,
  maxHeldBytes = 512 << 20,
  bodyTimeoutMs = 120_000,
  log = stderrLog,
  metrics,
}: ServerOptions): Omit<ServerParts, "self"> {
  return {
    platform,
    metrics,
    keys: new Keys(() => platform.store()),
    idempotency: new Idempotency(() => platform.store()),
    places: {
      requests: new RequestSlots(maxRequests),
      sandboxes: new RequestSlots(500),
      // Strangers may come here.
      hooks: new RequestSlots(100),
      followers: new RequestSlots(100),
      workflowFollowers: new RequestSlots(500),
      // As many as the listener takes; one tenant has half of them.
      sockets: new RequestSlots(1_000),
    },
    relays: new SocketRelays(),
    body: { maxBytes: maxBodyBytes, budget: new BodyBudget(maxHeldBytes), timeoutMs: bodyTimeoutMs },
    // As many as of bodies.
    answers: new FairShare(maxHeldBytes),
    draining,
    stopping,
    log,
  }
}
