import { createServer as createHttpServer, type RequestListener } from "node:http"
import { createServer as createHttpsServer } from "node:https"
import type { Socket } from "node:net"
import type { TestContext } from "node:test"
import { createAuthority } from "@mayfly/mesh"
import { listening, serveSocket } from "../../packages/mesh/src/egress/egress-harness.ts"

// Servers on 127.0.0.1 for the time of a test. Each gives its port.

export { listening, serveSocket }

/** Who signs the certificates of the servers out there. */
export const worldAuthority = createAuthority("World")

export function serveHttp(t: TestContext, listener: RequestListener): Promise<number> {
  return listening(t, createHttpServer(listener))
}

/** Has a certificate for whatever name it is asked for. */
export function serveHttps(t: TestContext, listener: RequestListener): Promise<number> {
  const options = { SNICallback: (name: string, callback: SniDone) => callback(null, worldAuthority.contextFor(name)) }
  return listening(t, createHttpsServer(options, listener))
}

/** A server that answers each request with the given bytes, whatever they are. */
export function serveRaw(t: TestContext, answer: (socket: Socket, request: string) => void): Promise<number> {
  return serveSocket(t, (socket) => {
    socket.on("data", (data) => answer(socket, data.toString("latin1")))
  })
}

type SniDone = (error: Error | null, context?: ReturnType<typeof worldAuthority.contextFor>) => void

/** Answers with what it was asked. */
export const echo: RequestListener = (request, response) => {
  let bytes = 0
  request.on("data", (chunk: Buffer) => void (bytes += chunk.length))
  request.on("end", () => {
    const { method, url, headers } = request
    const { host, authorization } = headers
    response.setHeader("content-type", "application/json")
    response.end(JSON.stringify({ method, url, host, authorization, bytes, length: headers["content-length"] }))
  })
}
