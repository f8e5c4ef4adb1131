import type { IncomingMessage } from "node:http"
import type { Socket } from "node:net"
import type { SocketEnd } from "@mayfly/platform"
import { MayflyError } from "@mayfly/protocol"
import { WebSocketServer } from "ws"
import { SocketRelay } from "./socket-relay.ts"

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

/** As of guests. */
const maxMessageBytes = 32 << 20
/** What is held is counted when so much has come, and once in a while: a worker sends without our seeing it. */
const countEveryBytes = 8 << 20
const countEveryMs = 1_000

/** The WebSockets of a served worker's clients. */
export class WorkerSockets {
  readonly #maxSockets: number
  readonly #maxHeldBytes: number
  readonly #beatMs: number
  /** Until they are closed, whatever becomes of their handshake. */
  readonly #sockets = new Set<Socket>()
  readonly #relays = new Set<SocketRelay>()
  readonly #upgrades = new WeakMap<IncomingMessage, Upgrade>()
  readonly #server: WebSocketServer
  #receivedBytes = 0
  #timers: readonly NodeJS.Timeout[] = []

  constructor({ maxSockets = 4_096, maxHeldBytes = 512 << 20, beatMs = 30_000 }: SocketLimits = {}) {
    this.#maxSockets = maxSockets
    this.#maxHeldBytes = maxHeldBytes
    this.#beatMs = beatMs
    this.#server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      // Compression keeps memory per connection, and unfolds small messages to large ones.
      perMessageDeflate: false,
      autoPong: false,
      maxPayload: maxMessageBytes,
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
      const onReceived = (bytes: number): void => this.#received(bytes)
      const relay = new SocketRelay({ client, socket, end, onReceived })
      this.#relays.add(relay)
      this.#startTimers()
      client.once("close", () => {
        this.#relays.delete(relay)
        this.#stopTimers()
      })
    })
  }

  closeAll(code: number, reason: string): void {
    for (const relay of this.#relays) relay.close(code, reason)
  }

  destroyAll(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  #received(bytes: number): void {
    this.#receivedBytes += bytes
    if (this.#receivedBytes > countEveryBytes) this.#bound()
  }

  /** Those that hold most go first: others may be slow for a moment only. */
  #bound(): void {
    this.#receivedBytes = 0
    const held = [...this.#relays].map((relay) => ({ relay, bytes: relay.heldBytes }))
    let total = held.reduce((sum, { bytes }) => sum + bytes, 0)
    if (total <= this.#maxHeldBytes) return
    for (const { relay, bytes } of held.toSorted((a, b) => b.bytes - a.bytes)) {
      if (total <= this.#maxHeldBytes) return
      const message = `WebSockets hold more than ${this.#maxHeldBytes} bytes; this one held ${bytes} of them`
      relay.cut(new MayflyError("worker.websocket-limit", message))
      total -= bytes
    }
  }

  #startTimers(): void {
    if (this.#timers.length > 0) return
    const beat = (): void => {
      for (const relay of this.#relays) relay.beat()
    }
    this.#timers = [setInterval(beat, this.#beatMs).unref(), setInterval(() => this.#bound(), countEveryMs).unref()]
  }

  #stopTimers(): void {
    if (this.#relays.size > 0) return
    for (const timer of this.#timers) clearInterval(timer)
    this.#timers = []
  }
}
