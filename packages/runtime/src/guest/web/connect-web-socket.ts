import type { SocketEnd } from "../../socket/socket-end.ts"
import type { Connect, SocketInternals } from "../../socket/web-socket-class.ts"
import { askEgress } from "./egress-call.ts"
import { parseUrl } from "./parse-url.ts"

const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

/** https://websockets.spec.whatwg.org/#dom-websocket-websocket */
export const connectWebSocket: Connect = (socket, given, protocols, internals) => {
  const url = socketUrl(`${given as string}`)
  const opened = openSocket(url, protocolsOf(protocols), [], internals)
  internals.connecting(socket, opened)
  return { url, protocol: "" }
}

interface Opened {
  readonly protocol: string
  readonly end: SocketEnd
}

/** A connection that the policy allows. */
export async function openSocket(
  url: string,
  protocols: readonly string[],
  headers: readonly (readonly [string, string])[],
  internals: SocketInternals,
): Promise<Opened> {
  const { protocol, socket } = (await askEgress("webSocket", [url, protocols, headers])) as {
    readonly protocol: string
    readonly socket: object
  }
  return { protocol, end: internals.take(socket) }
}

function socketUrl(text: string): string {
  const url = parseUrl(text)
  if (url === null) throw syntaxError("The url is invalid.")
  const { href } = url
  if (!/^(?:ws|wss|http|https):/.test(href)) throw syntaxError("The url scheme must be ws or wss.")
  if (href.includes("#")) throw syntaxError("The url fragment must be empty.")
  return href.replace(/^http/, "ws")
}

function protocolsOf(given: unknown): string[] {
  if (given === undefined) return []
  const protocols = (Array.isArray(given) ? (given as unknown[]) : [given]).map((each) => `${each as string}`)
  for (const protocol of protocols)
    if (!token.test(protocol)) throw syntaxError("One of the protocol header tokens is invalid.")
  if (new Set(protocols).size < protocols.length)
    throw syntaxError("The protocols header cannot have repeating values.")
  return protocols
}

function syntaxError(message: string): unknown {
  const { DOMException } = globalThis as unknown as { DOMException: new (message: string, name: string) => Error }
  return new DOMException(`WebSocket Constructor: ${message}`, "SyntaxError")
}
