import { once } from "node:events"
import { createServer, type RequestListener } from "node:http"
import type { AddressInfo } from "node:net"
import { after } from "node:test"
import { connect, type RemotePlatform } from "@mayfly/client"
import { type WebSocket, WebSocketServer } from "ws"

/** A server that is none of ours, until the tests of the file are over: what it says reaches the client's user as a coded error, in bounded room, or not at all. */
export async function hostile(answer: RequestListener, onSocket?: (socket: WebSocket) => void): Promise<string> {
  const server = createServer(answer)
  const sockets = new WebSocketServer({ noServer: true })
  server.on("upgrade", (request, socket, head) => {
    if (onSocket === undefined) return void socket.destroy()
    sockets.handleUpgrade(request, socket, head, onSocket)
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  after(() => {
    server.closeAllConnections()
    server.close()
    for (const client of sockets.clients) client.terminate()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const key = `mf_${"A".repeat(43)}`
export const trust = (url: string): RemotePlatform => connect({ url, key, maxRetries: 0 })

export async function all<T>(events: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const event of events) found.push(event)
  return found
}
