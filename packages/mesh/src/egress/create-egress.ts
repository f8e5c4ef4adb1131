import { type Egress, type EgressContext, type EgressRequest, type EgressResponse, MayflyError } from "@mayfly/protocol"
import { ConnectionPool } from "../dial/connection-pool.ts"
import { RecentAnswers } from "../dial/recent-answers.ts"
import { lookupAddresses } from "../dial/resolve-addresses.ts"
import { type CanonicalTarget, canonicalTarget, type Target } from "../policy/canonical-target.ts"
import type { RefusalReason } from "../policy/denied-error.ts"
import { readPolicy } from "../policy/read-policy.ts"
import { RuleUsage } from "../policy/rule-usage.ts"
import { SecretGuard } from "../secrets/secret-guard.ts"
import { clear, type EgressTools } from "./clear.ts"
import type { EgressOptions, Timeouts } from "./egress-options.ts"
import { type Answer, exchange } from "./exchange.ts"
import { type Hop, isRedirect, nextHop } from "./next-hop.ts"
import { openSocket } from "./open-socket.ts"
import { openTunnel, type Tunnel } from "./open-tunnel.ts"
import { openWebSocket } from "./open-web-socket.ts"

/** The way out of a platform. Whoever creates it closes it. */
export interface HttpEgress extends Egress {
  /**
   * Opens a connection whose bytes nobody looks at: to an https origin whose rule says nothing about requests, or under a
   * tcp:// or tls:// rule. Whoever speaks through it speaks TLS itself. Rejects with a MayflyError, or the signal's reason.
   */
  openTunnel(target: Target, context: EgressContext): Promise<Tunnel>
  /** Refuses and records what is wrong before any policy is asked. Gives the error for whoever tried. */
  refuse(attempt: Attempt, context: EgressContext): Promise<MayflyError>
  /** Closes all connections; what is under way fails. Closing twice is safe. */
  close(): Promise<void>
}

export interface Attempt {
  readonly method: string
  readonly target: CanonicalTarget
  readonly reason: RefusalReason
}

/** The one way out: every request of a guest is decided, performed and recorded here, redirects included. */
export function createHttpEgress(options: EgressOptions = {}): HttpEgress {
  const timeouts: Timeouts = { connectMs: 10_000, headersMs: 300_000, idleMs: 300_000, ...options.timeouts }
  const { lookup = lookupAddresses, lookupMaxAgeMs = 5_000, maxConnections = 1_000, http2 = false, ca } = options
  const pool = new ConnectionPool({
    ...timeouts,
    http2,
    maxPerTenant: maxConnections,
    ...(ca === undefined ? {} : { ca }),
  })
  const guard = new SecretGuard(options.onAlert ?? (() => {}))
  const answers = new RecentAnswers(lookup, lookupMaxAgeMs)
  const tools: EgressTools = { answers, usage: new RuleUsage(), pool, timeouts, guard, options }
  return {
    fetch: (request, context) => performAll(request, context, tools),
    check: (policy) => void readPolicy(policy),
    openWebSocket: (url, wanted, context) => openWebSocket(url, wanted, { context, tools }),
    openSocket: (target, context) => openSocket(target, { context, tools }),
    openTunnel: (target, context) => openTunnel(target, { context, tools }),
    refuse: (attempt, context) => refuse(attempt, context, tools),
    redactor: (tenant, where) => guard.redactor(tenant, where),
    close: () => pool.close(),
  }
}

async function refuse(attempt: Attempt, context: EgressContext, tools: EgressTools): Promise<MayflyError> {
  const { method, target, reason } = attempt
  try {
    await clear({ method, target, headers: [], fault: reason }, context, tools)
  } catch (error) {
    if (error instanceof MayflyError) return error
    throw error
  }
  throw new Error(`an attempt was not refused in spite of its fault: ${reason}`)
}

const maxRedirects = 20

async function performAll(request: EgressRequest, context: EgressContext, tools: EgressTools): Promise<EgressResponse> {
  let hop: Hop = {
    url: request.url,
    method: upperCase(request.method),
    headers: request.headers,
    body: request.body,
    length: request.bodyBytes ?? null,
  }
  try {
    for (let redirects = 0; ; redirects += 1) {
      context.signal.throwIfAborted()
      if (redirects > 0) context.onHop()
      const answer = await perform(hop, context, tools)
      const follows = isRedirect(answer.status) && answer.location !== null
      if (!follows || request.redirect === "manual") return responseOf(answer, hop, redirects > 0)
      await answer.skip()
      hop = following(hop, answer, request.redirect === "error" ? "error" : redirects)
    }
  } finally {
    // A body that nobody read, for instance because the request was denied, has to know.
    if (request.body instanceof ReadableStream && !request.body.locked) request.body.cancel().catch(() => {})
  }
}

async function perform(hop: Hop, context: EgressContext, tools: EgressTools): Promise<Answer> {
  const { body } = hop
  const target = canonicalTarget(hop.url)
  const sent = body instanceof ReadableStream ? "streamed" : body
  const cleared = await clear({ method: hop.method, target, headers: hop.headers, body: sent }, context, tools)
  return exchange(hop, cleared, { context, tools })
}

function responseOf(answer: Answer, hop: Hop, redirected: boolean): EgressResponse {
  const { status, statusText, headers } = answer
  return { url: urlOf(hop), redirected, status, statusText, headers, body: answer.body() }
}

function following(hop: Hop, { status, location }: Answer, redirects: number | "error"): Hop {
  if (redirects === "error") throw failed(`"${urlOf(hop)}" answered with a redirect, and redirect is "error"`)
  if (redirects === maxRedirects) throw failed(`"${urlOf(hop)}" redirected more than ${maxRedirects} times`)
  const next = nextHop(hop, status, location ?? "")
  if (next === null) throw failed(`"${urlOf(hop)}" redirected to something that is no URL`)
  // Fetch standard, HTTP-redirect fetch, step 11: a body without a source cannot be sent a second time.
  if (next.body instanceof ReadableStream) {
    const message = `"${urlOf(hop)}" answered with a redirect that asks for the body again, which was a stream`
    throw new MayflyError("mesh.body-used", message, { details: { status } })
  }
  return next
}

/** The Fetch standard upper-cases exactly these; others are case-sensitive. */
function upperCase(method: string): string {
  const upper = method.toUpperCase()
  return ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"].includes(upper) ? upper : method
}

function urlOf({ url }: Hop): string {
  const parsed = canonicalTarget(url)
  return parsed.ok ? parsed.target.url : url
}

function failed(message: string): MayflyError {
  return new MayflyError("mesh.unreachable", message, { retry: false })
}
