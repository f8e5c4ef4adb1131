import { type EgressRequest, type EgressResponse, MayflyError } from "@mayfly/protocol"
import type { Egress } from "../egress.ts"
import type { Fetcher } from "./worker-code.ts"

/** A way out that leads nowhere, or through a fetcher of the parent's, who decides then what may be reached. */
export function outboundEgress(outbound: Fetcher | null): Egress {
  return {
    check() {},
    async fetch(request, context) {
      if (outbound === null)
        throw new MayflyError(
          "mesh.denied",
          "this worker is not permitted to reach the network: use the bindings in env",
        )
      return performThrough(outbound, request, context.signal)
    },
    openWebSocket: () => Promise.reject(notYet("WebSocket")),
    openSocket: () => Promise.reject(notYet("connect()")),
  }
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
