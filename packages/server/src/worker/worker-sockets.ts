import type { IncomingMessage } from "node:http"
import type { Socket } from "node:net"
import type { SocketEnd } from "@mayfly/platform"
import { MayflyError } from "@mayfly/protocol"
import { WebSocketServer } from "ws"
import { Heartbeat } from "../sockets/heartbeat.ts"
import { maxRelayedBytes } from "../sockets/socket-relay.ts"
import { SocketRelays } from "../sockets/socket-relays.ts"

export interface SocketLimits {
  /** WebSockets at once, those included that wait for the worker's answer. Default 4,096. */
  readonly maxSockets?: number
  /** Bytes that are held for all of them. Default 512 MiB. */
  readonly maxHeldBytes?: number
  /** How often clients have to show that they are there. Default 30 s. */
  readonly beatMs?: number
}

/** What the worker chose for the answer to a handshake. */
export interface Upgrade {
  readonly protocol: string | null
  readonly cookies: readonly string[]
}

/** The WebSockets of a served worker's clients. */
export class WorkerSockets {
  readonly #maxSockets: number
  readonly #relays: SocketRelays
  readonly #heartbeat: Heartbeat
  /** Until they are closed, whatever becomes of their handshake. */
  readonly #sockets = new Set<Socket>()
  readonly #upgrades = new WeakMap<IncomingMessage, Upgrade>()
  readonly #server: WebSocketServer

  constructor({ maxSockets = 4_096, maxHeldBytes, beatMs = 30_000 }: SocketLimits = {}) {
    this.#maxSockets = maxSockets
    this.#relays = new SocketRelays(maxHeldBytes)
    this.#heartbeat = new Heartbeat(beatMs)
    this.#server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      // Compression keeps memory per connection, and unfolds small messages to large ones.
      perMessageDeflate: false,
      autoPong: false,
      maxPayload: maxRelayedBytes,
      handleProtocols: (_offered, request) => this.#upgrades.get(request)?.protocol ?? false,
    })
    this.#server.on("headers", (headers, request) => {
      for (const cookie of this.#upgrades.get(request)?.cookies ?? []) headers.push(`Set-Cookie: ${cookie}`)
    })
  }

  /** Remembers a connection that asked to upgrade until it is closed. */
  track(socket: Socket): void {
    this.#sockets.add(socket)
    socket.once("close", () => this.#sockets.delete(socket))
  }

  /** Throws `worker.queue-full` when too many are tracked. */
  checkCount(): void {
    if (this.#sockets.size <= this.#maxSockets) return
    const details = { limit: this.#maxSockets, retryAfterMs: 1_000 }
    throw new MayflyError("worker.queue-full", `${this.#maxSockets} WebSockets are open already`, { details })
  }

  /** Answers a handshake that was checked, and relays until one side closes. */
  open(message: IncomingMessage, socket: Socket, end: SocketEnd, upgrade: Upgrade): void {
    this.#upgrades.set(message, upgrade)
    this.#server.handleUpgrade(message, socket, Buffer.alloc(0), (client) => {
      const relay = this.#relays.open({ client, socket, end })
      const silent = new MayflyError("worker.aborted", "the WebSocket's client does not answer any more")
      this.#heartbeat.watch(client, socket, () => relay.cut(silent))
    })
  }

  closeAll(code: number, reason: string): void {
    this.#relays.closeAll(code, reason)
  }

  destroyAll(): void {
    for (const socket of this.#sockets) socket.destroy()
  }
}
