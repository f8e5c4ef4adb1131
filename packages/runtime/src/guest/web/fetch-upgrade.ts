import type { SocketEnd } from "../../socket/socket-end.ts"
import type { SocketInternals } from "../../socket/web-socket-class.ts"
import { bodyHeaders } from "./body.ts"
import { headerPairs } from "./headers.ts"
import { installedKernel } from "./installed-kernel.ts"
import type { Request } from "./request.ts"
import { Response } from "./response.ts"

interface SocketChunk {
  readonly WebSocketInternals: SocketInternals
  openSocket(
    url: string,
    protocols: readonly string[],
    headers: readonly (readonly [string, string])[],
  ): Promise<{ readonly protocol: string; readonly end: SocketEnd }>
}

/** The answer to a request with `Upgrade: websocket`: a response with a socket to accept. Null for any other request. */
export function upgradeOf(request: Request): Promise<Response> | null {
  const headers = bodyHeaders(request)
  return headers.get("upgrade")?.toLowerCase() === "websocket" ? open(request) : null
}

async function open(request: Request): Promise<Response> {
  const { WebSocketInternals, openSocket } = installedKernel().chunk<SocketChunk>("websocket")
  const headers = bodyHeaders(request)
  const protocols = (headers.get("sec-websocket-protocol") ?? "")
    .split(",")
    .map((protocol) => protocol.trim())
    .filter((protocol) => protocol !== "")
  const { protocol, end } = await openSocket(request.url.replace(/^http/, "ws"), protocols, headerPairs(headers))
  return new Response(null, {
    status: 101,
    statusText: "Switching Protocols",
    headers: { upgrade: "websocket", ...(protocol === "" ? {} : { "sec-websocket-protocol": protocol }) },
    webSocket: WebSocketInternals.wrap(end, { url: request.url, protocol }),
  })
}
