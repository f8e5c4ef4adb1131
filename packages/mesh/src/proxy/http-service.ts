import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { Socket } from "node:net"
import type { Duplex } from "node:stream"
import { type EgressContext, type HeaderPairs, MayflyError } from "@mayfly/protocol"
import type { HttpEgress } from "../egress/create-egress.ts"
import { type CanonicalTarget, canonicalTarget, type Target, webSocketTarget } from "../policy/canonical-target.ts"
import { decide } from "../policy/decide.ts"
import type { Policy } from "../policy/parse-policy.ts"
import { refusalBytes, sendAnswer, sendRefusal } from "./http-answer.ts"
import type { ProxyLimits } from "./proxy-options.ts"
import { requestBody } from "./request-body.ts"
import { isSame } from "./socks.ts"
import { WebSocketRelay } from "./web-socket-relay.ts"

/** What the requests of a connection are for. */
export type Route =
  /** Each says where it goes. */
  | { readonly kind: "proxy" }
  /** All go to one origin, whatever they say. */
  | { readonly kind: "origin"; readonly target: Target }

export interface HttpServiceOptions {
  readonly egress: HttpEgress
  readonly limits: ProxyLimits
  readonly token: string | null
  /** The context of one request, which ends with `signal`. */
  contextFor(signal: AbortSignal): EgressContext
  /** Counts an attempt. Why it is refused, null when there is room. */
  overBudget(method: string, wanted: Target | string): Promise<MayflyError | null>
  /** Somebody wants a tunnel. Owns the socket from then on. */
  onTunnel(wanted: string, socket: Socket): void
  /** The connection has said what it wants. */
  onOpened(socket: Duplex): void
  /** What came was no HTTP. */
  onGarbage(target: Target): void
}

/**
 * Requests of a sandbox, read by Node's own HTTP server, decided and sent one by one by the way out. Nothing of their framing
 * goes further: what leaves is written anew.
 */
export class HttpService {
  readonly #options: HttpServiceOptions
  readonly #routes = new WeakMap<Duplex, Route>()
  readonly #server: Server
  readonly #relay: WebSocketRelay
  readonly #underWay = new Set<UnderWay>()

  constructor(options: HttpServiceOptions) {
    const { limits } = options
    this.#options = options
    this.#relay = new WebSocketRelay(options.egress)
    this.#server = createServer(
      {
        maxHeaderSize: limits.headBytes,
        headersTimeout: limits.openingMs,
        requestTimeout: limits.requestMs,
        keepAliveTimeout: limits.idleMs,
        connectionsCheckingInterval: Math.min(limits.openingMs, 10_000),
        insecureHTTPParser: false,
        requireHostHeader: true,
        noDelay: true,
        // Other upgrades, such as to HTTP/2 in clear text, are requests whose wish is not granted.
        shouldUpgradeCallback: ({ headers }) => headers.upgrade?.toLowerCase() === "websocket",
      },
      (request, response) => void this.#serve(request, response, () => {}),
    )
    this.#server.maxHeadersCount = 256
    // A body that is refused need not be sent: "continue" is said when somebody wants it.
    this.#server.on("checkContinue", (request, response: ServerResponse) => {
      void this.#serve(request, response, () => response.writeContinue())
    })
    this.#server.on("connect", (request, socket: Socket, head) => this.#connect(request, socket, head))
    this.#server.on("upgrade", (request, socket, head) => void this.#upgrade(request, { socket, head }))
    this.#server.on("clientError", (error, socket) => this.#broken(error, socket))
    // It never listens itself; its time limits start to count with this.
    this.#server.emit("listening")
  }

  /** Takes over a connection that speaks HTTP. */
  accept(socket: Duplex, route: Route): void {
    this.#routes.set(socket, route)
    this.#server.emit("connection", socket)
  }

  /** Ends requests and WebSockets that a policy does not allow. What somebody was asked about stays. */
  closeForbidden(policy: Policy): void {
    for (const { url, method, end } of this.#underWay) {
      const wanted = url.startsWith("ws") ? webSocketTarget(url) : canonicalTarget(url)
      const verdict = wanted.ok ? decide(policy, { method, target: wanted.target }) : null
      if (verdict === null || (!verdict.allow && verdict.reason !== "ask")) end()
    }
  }

  close(): void {
    this.#server.close(() => {})
    this.#server.closeAllConnections()
  }

  async #serve(request: IncomingMessage, response: ServerResponse, onWanted: () => void): Promise<void> {
    const abort = new AbortController()
    response.once("close", () => abort.abort())
    const context = this.#options.contextFor(abort.signal)
    response.on("error", () => {})
    this.#options.onOpened(request.socket)
    try {
      await this.#count(request)
      const url = await this.#urlOf(request, context)
      const entry = { url, method: request.method ?? "", end: () => abort.abort() }
      this.#underWay.add(entry)
      response.once("close", () => this.#underWay.delete(entry))
      const { stream, bytes } = requestBody(request, onWanted)
      const wanted = {
        url,
        method: request.method ?? "",
        headers: pairsOf(request),
        body: stream,
        redirect: "manual",
      } as const
      const answer = await this.#options.egress.fetch(
        bytes === null ? wanted : { ...wanted, bodyBytes: bytes },
        context,
      )
      await sendAnswer(answer, response)
    } catch (error) {
      if (abort.signal.aborted) return void response.destroy()
      sendRefusal(asMayflyError(error), request, response)
    }
  }

  async #count(request: IncomingMessage): Promise<void> {
    const route = this.#routes.get(request.socket)
    const wanted = route?.kind === "origin" ? route.target : (request.url ?? "")
    const over = await this.#options.overBudget(request.method ?? "", wanted)
    if (over !== null) throw over
  }

  /** Where a request goes. Rejects with what is wrong with it, which is then recorded. */
  async #urlOf(request: IncomingMessage, context: EgressContext): Promise<string> {
    const found = this.#targetOf(request)
    if (found.ok) return found.target.url
    const { problem, target } = found
    if (problem === "host-header" && target !== null) {
      const attempt = { method: request.method ?? "", target: { ok: true, target } as const, reason: problem } as const
      throw await this.#options.egress.refuse(attempt, context)
    }
    throw malformed(problem)
  }

  #targetOf(request: IncomingMessage): FoundTarget {
    const route = this.#routes.get(request.socket)
    const hosts = rawValues(request, "host")
    if (route === undefined || hosts.length > 1)
      return { ok: false, problem: "It has more than one Host header", target: null }
    const parsed = route.kind === "proxy" ? this.#absolute(request) : within(route.target, request.url ?? "")
    if (typeof parsed === "string") return { ok: false, problem: parsed, target: null }
    if (!parsed.ok) return { ok: false, problem: `Its URL cannot be read (${parsed.problem})`, target: null }
    const { target } = parsed
    return names(hosts[0] ?? "", target) ? { ok: true, target } : { ok: false, problem: "host-header", target }
  }

  #absolute(request: IncomingMessage): CanonicalTarget | string {
    if (!this.#isKnown(request)) return loginProblem
    const url = request.url ?? ""
    if (/^http:\/\//i.test(url)) return canonicalTarget(url)
    return "This is a proxy: it takes http:// URLs, and CONNECT for everything else"
  }

  #isKnown(request: IncomingMessage): boolean {
    const { token } = this.#options
    if (token === null) return true
    const [kind = "", given = ""] = (request.headers["proxy-authorization"] ?? "").split(" ")
    if (kind.toLowerCase() === "bearer") return isSame(Buffer.from(given), Buffer.from(token))
    if (kind.toLowerCase() !== "basic") return false
    return isSame(
      Buffer.from(
        Buffer.from(given, "base64")
          .toString()
          .replace(/^[^:]*:/, ""),
      ),
      Buffer.from(token),
    )
  }

  #connect(request: IncomingMessage, socket: Socket, head: Buffer): void {
    socket.on("error", () => socket.destroy())
    const route = this.#routes.get(socket)
    this.#routes.delete(socket)
    if (route?.kind === "origin") {
      // A tunnel within a tunnel would lead to where nobody decided about.
      void this.#refuseRaw(socket, {
        method: "CONNECT",
        target: { ok: true, target: route.target },
        reason: "method-forbidden",
      })
    } else if (this.#isKnown(request)) {
      if (head.length > 0) socket.unshift(head)
      this.#options.onTunnel(request.url ?? "", socket)
    } else socket.end(refusalBytes(malformed(loginProblem)))
  }

  async #refuseRaw(socket: Duplex, attempt: Parameters<HttpEgress["refuse"]>[0]): Promise<void> {
    const context = this.#options.contextFor(new AbortController().signal)
    try {
      socket.end(refusalBytes(await this.#options.egress.refuse(attempt, context)))
    } catch {
      socket.destroy()
    }
  }

  async #upgrade(request: IncomingMessage, { socket, head }: { socket: Duplex; head: Buffer }): Promise<void> {
    const abort = new AbortController()
    const onClose = (): void => abort.abort()
    socket.once("close", onClose)
    socket.on("error", () => socket.destroy())
    this.#options.onOpened(socket)
    const context = this.#options.contextFor(abort.signal)
    try {
      await this.#count(request)
      const url = (await this.#urlOf(request, context)).replace(/^http/, "ws")
      const entry = { url, method: "GET", end: () => socket.destroy() }
      this.#underWay.add(entry)
      socket.once("close", () => this.#underWay.delete(entry))
      await this.#relay.open({ request, socket, head }, { url, headers: pairsOf(request), context })
      // From here on each side ends with the other one, in the words of WebSockets.
      socket.off("close", onClose)
    } catch (error) {
      if (socket.writable) socket.end(refusalBytes(asMayflyError(error), request.headers.accept))
    }
  }

  /** A head that the parser does not take, or that does not come to its end. */
  #broken(error: Error & { readonly code?: string }, socket: Duplex): void {
    const route = this.#routes.get(socket)
    const answer = brokenAnswers.get(error.code ?? "") ?? "400 Bad Request"
    const isSilent = error.code === "ECONNRESET" || error.code === "EPIPE" || !socket.writable
    if (error.code === "HPE_INVALID_METHOD" && route?.kind === "origin") this.#options.onGarbage(route.target)
    if (isSilent) return void socket.destroy()
    socket.end(`HTTP/1.1 ${answer}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`, () => socket.destroy())
  }
}

/** A request or WebSocket that was allowed. */
interface UnderWay {
  readonly url: string
  readonly method: string
  readonly end: () => void
}

type FoundTarget =
  | { readonly ok: true; readonly target: Target }
  | { readonly ok: false; readonly problem: string; readonly target: Target | null }

const loginProblem = "This proxy wants a login: its token as the password, or as a bearer token"

const brokenAnswers: ReadonlyMap<string, string> = new Map([
  ["HPE_HEADER_OVERFLOW", "431 Request Header Fields Too Large"],
  ["ERR_HTTP_REQUEST_TIMEOUT", "408 Request Timeout"],
])

/** The URL of a request that says only the path. Anything that does not begin with one could name another host. */
function within({ origin }: Target, path: string): CanonicalTarget | string {
  return path.startsWith("/") ? canonicalTarget(origin + path) : "Its target must be a path"
}

/** True when a Host header (RFC 9110, 7.2) is the host and port of a target. */
function names(host: string, { scheme, origin }: Target): boolean {
  if (/[\s/?#@\\]/.test(host)) return false
  const parsed = canonicalTarget(`${scheme}://${host}`)
  return parsed.ok && parsed.target.origin === origin
}

function rawValues({ rawHeaders }: IncomingMessage, wanted: string): readonly string[] {
  return rawHeaders.filter((_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === wanted)
}

function pairsOf({ rawHeaders }: IncomingMessage): HeaderPairs {
  return rawHeaders.flatMap((name, index) => (index % 2 === 0 ? [[name, rawHeaders[index + 1] ?? ""] as const] : []))
}

function malformed(problem: string): MayflyError {
  return new MayflyError("input.invalid", `The request was not sent. ${problem}.`)
}

/** What is no failure of ours to tell about is a defect: its text stays here. */
function asMayflyError(error: unknown): MayflyError {
  if (error instanceof MayflyError) return error
  return new MayflyError("mesh.unreachable", "The request failed in the proxy", { cause: error })
}
