import { Agent, type ClientRequest, type IncomingMessage, request, type ServerResponse } from "node:http"
import type { Duplex } from "node:stream"

/** How one preview is called from outside and inside. */
export interface PreviewNames {
  readonly port: number
  readonly token: string
}

/** The longest that a sandbox's server may take for its head. */
const answerMs = 60_000
/** Of one connection only, or of those on the way. */
const connectionHeaders = ["connection", "keep-alive", "proxy-connection", "proxy-authorization", "te", "expect"]
/** Reaches further than the preview's own origin: cookies and storage of all names below the same domain. */
const farReaching = ["clear-site-data", "public-key-pins"]

/** Carries a request to a server in a sandbox, and its answer back. `connection` is ended. */
export function carryRequest(
  incoming: IncomingMessage,
  answer: ServerResponse,
  connection: Duplex,
  names: PreviewNames,
): void {
  const inner = ask(incoming, connection, innerHeaders(incoming, names))
  inner.on("response", (response) => passOn(response, answer, names))
  inner.on("upgrade", (_response, socket) => {
    socket.destroy()
    refuse(answer, 502, `The server on port ${names.port} of the sandbox changed the protocol, and nobody asked it to.`)
  })
  inner.on("error", () => refuse(answer, 502, `The server on port ${names.port} of the sandbox broke off.`))
  answer.once("close", () => inner.destroy())
  incoming.pipe(inner)
}

/** The same for a request that asks for another protocol, as of a WebSocket. What is not agreed to is an answer like any other. */
export function carryUpgrade(
  incoming: IncomingMessage,
  outer: { readonly socket: Duplex; readonly head: Buffer; readonly answer: ServerResponse },
  connection: Duplex,
  names: PreviewNames,
): void {
  const { socket, head, answer } = outer
  const upgrade = incoming.headers.upgrade ?? ""
  const inner = ask(incoming, connection, { ...innerHeaders(incoming, names), connection: "Upgrade", upgrade })
  inner.on("response", (response) => passOn(response, answer, names))
  inner.on("error", () => refuse(answer, 502, `The server on port ${names.port} of the sandbox broke off.`))
  inner.on("upgrade", (response, tunnel, first) => {
    socket.write(switching(response, upgrade, names))
    if (first.length > 0) socket.write(first)
    if (head.length > 0) tunnel.write(head)
    tunnel.on("error", () => socket.destroy())
    socket.once("close", () => tunnel.destroy())
    tunnel.once("close", () => socket.destroy())
    tunnel.pipe(socket).pipe(tunnel)
  })
  socket.once("close", () => inner.destroy())
  inner.end()
}

export function refuse(answer: ServerResponse, status: number, text: string): void {
  if (answer.headersSent) return void answer.destroy()
  answer.writeHead(status, { "content-type": "text/plain; charset=utf-8" }).end(`${text}\n`)
}

function ask(incoming: IncomingMessage, connection: Duplex, headers: OutgoingHeaders): ClientRequest {
  const agent = Object.assign(new Agent({ keepAlive: false }), { createConnection: () => connection })
  const inner = request({ method: incoming.method, path: incoming.url, headers, agent })
  const late = setTimeout(() => inner.destroy(new Error("no answer came in time")), answerMs)
  for (const event of ["close", "response", "upgrade"]) inner.once(event, () => clearTimeout(late))
  return inner
}

function passOn(response: IncomingMessage, answer: ServerResponse, names: PreviewNames): void {
  try {
    answer.writeHead(response.statusCode ?? 502, outerHeaders(response, names))
  } catch {
    // Node reads heads that it would not write.
    response.destroy()
    return refuse(answer, 502, `The server on port ${names.port} of the sandbox gave no proper answer.`)
  }
  response.on("error", () => answer.destroy())
  response.pipe(answer)
}

type OutgoingHeaders = Record<string, string | string[]>

/** The token is a credential: no header that names it goes in, and no key of ours that a client sent by mistake. */
function innerHeaders({ headersDistinct }: IncomingMessage, { port, token }: PreviewNames): OutgoingHeaders {
  const headers: OutgoingHeaders = Object.create(null) as OutgoingHeaders
  for (const [name, values = []] of Object.entries(headersDistinct)) {
    if (connectionHeaders.includes(name) || name === "host" || name === "referer") continue
    const kept = values.filter((value) => !value.toLowerCase().includes(token) && !/^bearer +mf_/i.test(value))
    // The page's own origin, as the server inside knows it.
    if (name === "origin" && kept.length === 0) headers[name] = `http://localhost:${port}`
    else if (kept.length > 0) headers[name] = kept
  }
  headers["host"] = `localhost:${port}`
  return headers
}

function outerHeaders({ rawHeaders }: IncomingMessage, names: PreviewNames): string[] {
  const headers: string[] = []
  let hasReferrerPolicy = false
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const [name = "", value = ""] = [rawHeaders[at], rawHeaders[at + 1]]
    const lower = name.toLowerCase()
    if (connectionHeaders.includes(lower) || farReaching.includes(lower)) continue
    if (lower === "referrer-policy") hasReferrerPolicy = true
    headers.push(name, outerValue(lower, value, names))
  }
  // The address is a credential; other sites must not read it in what a link of the page's leads to.
  if (!hasReferrerPolicy) headers.push("referrer-policy", "same-origin")
  return [...headers, "origin-agent-cluster", "?1"]
}

function outerValue(name: string, value: string, { port }: PreviewNames): string {
  if (name === "set-cookie") return ownCookie(value)
  // Else a redirect of the server's to itself would lead to what listens on this port of the user's machine.
  if (name === "location")
    return value.replace(new RegExp(`^http://(?:localhost|127\\.0\\.0\\.1):${port}(?=[/?#]|$)`, "i"), "") || "/"
  return value
}

/** A cookie stays on its own origin: with a domain it would reach other previews, and whatever else has a name there. */
function ownCookie(value: string): string {
  const [pair = "", ...attributes] = value.split(";")
  const kept = attributes.filter((attribute) => attribute.split("=")[0]?.trim().toLowerCase() !== "domain")
  return [pair, ...kept].join(";")
}

function switching(response: IncomingMessage, upgrade: string, names: PreviewNames): string {
  const headers = outerHeaders(response, names)
  const lines = ["HTTP/1.1 101 Switching Protocols", "connection: Upgrade", `upgrade: ${upgrade}`]
  for (let at = 0; at + 1 < headers.length; at += 2)
    if (headers[at]?.toLowerCase() !== "upgrade") lines.push(`${headers[at]}: ${headers[at + 1]}`)
  return `${lines.join("\r\n")}\r\n\r\n`
}
