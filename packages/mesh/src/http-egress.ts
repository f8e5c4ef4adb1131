import { type Egress, type EgressContext, type EgressRequest, type EgressResponse, MayflyError } from "@mayfly/protocol"
import { attempt } from "./attempt.ts"
import { canonicalTarget } from "./canonical-origin.ts"
import { type Hop, isRedirect, nextHop } from "./next-hop.ts"
import { parsePolicy } from "./parse-policy.ts"
import { type Lookup, lookupAddresses } from "./resolve-addresses.ts"

export interface HttpEgressOptions {
  /** Finds the addresses of a name. Default: the system's resolver. Asked once per attempt, only for allowed hosts. */
  readonly lookup?: Lookup
}

/** The one way out: every request of a guest is decided, performed and recorded here, redirects included. */
export function createHttpEgress({ lookup = lookupAddresses }: HttpEgressOptions = {}): Egress {
  return {
    fetch: (request, context) => performAll(request, context, lookup),
    check: (policy) => void parsePolicy(policy),
    openWebSocket: () => Promise.reject(notYet("WebSocket connections")),
    openSocket: () => Promise.reject(notYet("Raw connections")),
  }
}

const maxRedirects = 20

async function performAll(request: EgressRequest, context: EgressContext, lookup: Lookup): Promise<EgressResponse> {
  const policy = parsePolicy(context.policy)
  const follow = request.redirect === "follow"
  let hop: Hop = {
    url: request.url,
    method: upperCase(request.method),
    headers: request.headers,
    body: await bytesOf(request.body),
  }
  for (let redirects = 0; ; redirects += 1) {
    context.signal.throwIfAborted()
    if (redirects > 0) context.onHop()
    const response = await attempt(hop, context, { policy, lookup, skipBody: (status) => follow && isRedirect(status) })
    if (!isRedirect(response.status) || response.location === null || request.redirect === "manual") {
      const { location: _, ...rest } = response
      return { ...rest, body: streamOf(rest.body), url: urlOf(hop), redirected: redirects > 0 }
    }
    if (!follow) throw failed(`"${urlOf(hop)}" answered with a redirect, and redirect is "error"`)
    if (redirects === maxRedirects) throw failed(`"${urlOf(hop)}" redirected more than ${maxRedirects} times`)
    const next = nextHop(hop, response.status, response.location)
    if (next === null) throw failed(`"${urlOf(hop)}" redirected to something that is no URL`)
    hop = next
  }
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

async function bytesOf(body: EgressRequest["body"]): Promise<Uint8Array | null> {
  return body instanceof ReadableStream ? new Uint8Array(await new Response(body).arrayBuffer()) : body
}

function streamOf(bytes: Uint8Array): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      if (bytes.length > 0) controller.enqueue(bytes)
      controller.close()
    },
  })
}

function notYet(what: string): MayflyError {
  return new MayflyError("mesh.denied", `${what} cannot be opened yet; use fetch`)
}

function failed(message: string): MayflyError {
  return new MayflyError("mesh.unreachable", message, { retry: false })
}
