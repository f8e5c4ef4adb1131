import {
  type EgressRequest,
  type EgressResponse,
  type EgressWebSocket,
  type HeaderPairs,
  MayflyError,
} from "@mayfly/protocol"
import type { Egress } from "../egress.ts"
import { egressWebSocket } from "../socket/egress-web-socket.ts"
import { socketInternals } from "../socket/run-web-socket.ts"
import type { WorkerResponse } from "../socket/worker-response.ts"
import type { Fetcher } from "./worker-code.ts"

/** A way out that leads nowhere, or through a fetcher of the parent's, who decides then what may be reached. */
export function outboundEgress(outbound: Fetcher | null): Egress {
  return {
    check() {},
    async fetch(request, context) {
      if (outbound === null) throw notPermitted()
      return performThrough(outbound, request, context.signal)
    },
    async openWebSocket(url, options, context) {
      if (outbound === null) throw notPermitted()
      return openThrough(outbound, url, options, context.signal)
    },
    openSocket: () => Promise.reject(outbound === null ? notPermitted() : notYet("connect()")),
  }
}

function notPermitted(): MayflyError {
  return new MayflyError("mesh.denied", "this worker is not permitted to reach the network: use the bindings in env")
}

/** The fetcher is asked as a handler is: with `Upgrade: websocket`, for a response that has a socket. */
async function openThrough(
  outbound: Fetcher,
  url: string,
  { protocols, headers: given }: { readonly protocols: readonly string[]; readonly headers: HeaderPairs },
  signal: AbortSignal,
): Promise<EgressWebSocket> {
  const headers = new Headers(given.map(([name, value]): [string, string] => [name, value]))
  headers.set("upgrade", "websocket")
  if (protocols.length > 0) headers.set("sec-websocket-protocol", protocols.join(", "))
  const response = await outbound.fetch(new Request(url.replace(/^ws/, "http"), { headers, signal }))
  const { webSocket } = response as Partial<WorkerResponse>
  if (webSocket === undefined || webSocket === null)
    throw new MayflyError(
      "mesh.unreachable",
      `globalOutbound answered ${response.status} instead of opening a WebSocket`,
    )
  return egressWebSocket(socketInternals.take(webSocket), response.headers.get("sec-websocket-protocol") ?? "")
}

function notYet(what: string): MayflyError {
  return new MayflyError("mesh.denied", `${what} does not go through a globalOutbound: use fetch`)
}

async function performThrough(outbound: Fetcher, request: EgressRequest, signal: AbortSignal): Promise<EgressResponse> {
  const { url, method, headers, redirect } = request
  const body = request.body instanceof Uint8Array ? new Uint8Array(request.body) : request.body
  const given = new Request(url, {
    method,
    headers: headers.map(([name, value]) => [name, value]),
    body,
    redirect,
    signal,
    ...(body instanceof ReadableStream ? { duplex: "half" } : {}),
  })
  const response = await outbound.fetch(given)
  if (!(response instanceof Response)) throw new TypeError("globalOutbound.fetch must give a Response")
  return {
    url: response.url === "" ? url : response.url,
    redirected: response.redirected,
    status: response.status,
    statusText: response.statusText,
    headers: [...response.headers],
    body: response.body,
  }
}
