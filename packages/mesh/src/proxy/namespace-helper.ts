// Runs within a sandbox's network namespace and outside of everything else of it, before the sandbox runs anything: listens,
// hands each listening socket to the supervisor that started it, and ends. No process of ours stays where the sandbox is.
import { execFileSync } from "node:child_process"
import { createSocket } from "node:dgram"
import { once } from "node:events"
import { createServer } from "node:net"
import type { HelperMessage, NamespacePlan } from "./open-namespace-listeners.ts"

const lookMs = 200
// The supervisor was killed: what it listens on must not hold the namespace. There is no event for it while a socket is on its way.
setInterval(() => process.connected || process.exit(), lookMs).unref()

try {
  const [plan] = (await once(process, "message")) as [NamespacePlan]
  if (plan.network !== null) setUp(plan.network)
  for (const { host, port } of plan.tcp) await passServer(host, port)
  for (const { host, port } of plan.udp) await passSocket(host, port)
  await send({ kind: "done" })
} catch (error) {
  await send({ kind: "failed", message: error instanceof Error ? error.message : String(error) })
}
process.disconnect()

/** With this route every address of the network is one of this machine's, so that connections to it end at our listeners. */
function setUp(network: string): void {
  execFileSync("ip", ["-batch", "-"], {
    input: `link set lo up\nroute replace local ${network} dev lo\n`,
    stdio: ["pipe", "ignore", "pipe"],
  })
}

async function passServer(host: string, port: number): Promise<void> {
  const server = createServer()
  server.listen({ host, port, backlog: 511 })
  await once(server, "listening")
  await send({ kind: "tcp", host, port: portOf(server.address()) }, server)
  await once(process, "message")
  server.close()
}

async function passSocket(host: string, port: number): Promise<void> {
  const socket = createSocket("udp4")
  socket.bind(port, host)
  await once(socket, "listening")
  await send({ kind: "udp", host, port: socket.address().port }, socket)
  await once(process, "message")
  socket.close()
}

function portOf(address: ReturnType<ReturnType<typeof createServer>["address"]>): number {
  return typeof address === "object" && address !== null ? address.port : 0
}

function send(message: HelperMessage, handle?: Parameters<NonNullable<typeof process.send>>[1]): Promise<void> {
  return new Promise((resolve, reject) => {
    process.send?.(message, handle, {}, (error) => (error === null ? resolve() : reject(error)))
  })
}
