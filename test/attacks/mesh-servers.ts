import { createServer, type RequestListener } from "node:http"
import { type AddressInfo, createServer as createSocketServer, type Server, type Socket } from "node:net"
import type { TestContext } from "node:test"

/** An HTTP server on 127.0.0.1 for the time of a test. Gives its port. */
export function serveHttp(t: TestContext, listener: RequestListener): Promise<number> {
  return listen(t, createServer(listener))
}

/** A server that answers each request with the given bytes, whatever they are. Gives its port. */
export function serveRaw(t: TestContext, answer: (socket: Socket, request: string) => void): Promise<number> {
  const server = createSocketServer((socket) => {
    socket.on("error", () => {})
    socket.on("data", (data) => answer(socket, data.toString("latin1")))
  })
  return listen(t, server)
}

async function listen(t: TestContext, server: Server): Promise<number> {
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
