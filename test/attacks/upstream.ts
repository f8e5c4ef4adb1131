import { createServer as createHttpServer, type RequestListener, type Server as HttpServer } from "node:http"
import { createServer as createHttpsServer } from "node:https"
import { type AddressInfo, createServer, type Server, type Socket } from "node:net"
import type { TestContext } from "node:test"
import { createAuthority } from "@mayfly/mesh"

/** Who signs the certificates of the servers out there. */
export const worldAuthority = createAuthority("World")

export function serveHttp(t: TestContext, listener: RequestListener): Promise<number> {
  return listen(t, createHttpServer(listener))
}

/** Has a certificate for whatever name it is asked for. */
export function serveHttps(t: TestContext, listener: RequestListener): Promise<number> {
  const options = { SNICallback: (name: string, callback: SniDone) => callback(null, worldAuthority.contextFor(name)) }
  return listen(t, createHttpsServer(options, listener))
}

export function serveTcp(t: TestContext, onSocket: (socket: Socket) => void): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => {})
    onSocket(socket)
  })
  return listen(t, server)
}

type SniDone = (error: Error | null, context?: ReturnType<typeof worldAuthority.contextFor>) => void

/** Listens on 127.0.0.1 for the time of a test, and goes with its connections. Gives the port. */
export async function listen(t: TestContext, server: Server | HttpServer): Promise<number> {
  const sockets = new Set<Socket>()
  server.on("connection", (socket: Socket) => {
    sockets.add(socket)
    socket.once("close", () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

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
