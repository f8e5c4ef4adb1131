import { createServer, type RequestListener } from "node:http"
import { type AddressInfo, createServer as createSocketServer, type Server, type Socket } from "node:net"
import type { TestContext } from "node:test"
import type { EgressContext, LedgerRow, NetworkPolicy } from "@mayfly/protocol"

/** Test support: a context whose rows can be looked at. */
export interface TestContextOf extends EgressContext {
  readonly rows: LedgerRow[]
}

export function contextOf(policy: NetworkPolicy, given: Partial<EgressContext> = {}): TestContextOf {
  const rows: LedgerRow[] = []
  return {
    tenant: "t",
    runId: "r",
    policy,
    signal: new AbortController().signal,
    maxResponseBytes: 1_000_000,
    record: (row) => void rows.push(row),
    onHop: () => {},
    ...given,
    rows,
  }
}

/** A server on 127.0.0.1 for the time of a test. Gives its origin. */
export async function serve(t: TestContext, listener: RequestListener): Promise<string> {
  return `http://127.0.0.1:${await listening(t, createServer(listener))}`
}

/** A server that speaks whatever it likes. Gives its port. */
export async function serveSocket(t: TestContext, onSocket: (socket: Socket) => void): Promise<number> {
  return listening(
    t,
    createSocketServer({ allowHalfOpen: true }, (socket) => {
      socket.on("error", () => {})
      onSocket(socket)
    }),
  )
}

/** Listens on 127.0.0.1 and goes with the test, connections included. */
export async function listening(t: TestContext, server: Server): Promise<number> {
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

export async function textOf(body: ReadableStream<Uint8Array> | null): Promise<string> {
  return body === null ? "" : new Response(body).text()
}

export const get = { method: "GET", headers: [], body: null, redirect: "follow" } as const
