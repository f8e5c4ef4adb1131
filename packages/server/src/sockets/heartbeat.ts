import type { Socket } from "node:net"
import { WebSocket } from "ws"

const maxPongBytes = 64 << 10

/** Finds clients that have gone without a word, and answers those that ask. For WebSockets without `autoPong`. */
export class Heartbeat {
  readonly #everyMs: number
  readonly #clients = new Map<WebSocket, () => void>()
  /** Of whom nothing came since they were asked. */
  readonly #silent = new WeakSet<WebSocket>()
  #timer: NodeJS.Timeout | undefined

  constructor(everyMs: number) {
    this.#everyMs = everyMs
  }

  /** Until it is closed. `socket` is what it runs on; `onDead` is called once for a client that does not answer. */
  watch(client: WebSocket, socket: Socket, onDead: () => void): void {
    this.#clients.set(client, onDead)
    this.#timer ??= setInterval(() => this.#beat(), this.#everyMs).unref()
    socket.on("data", () => this.#silent.delete(client))
    // Fires when nothing moves in either direction, so a slow reader of much is not taken for one that is gone.
    socket.setTimeout(2 * this.#everyMs, () => client.bufferedAmount > 0 && onDead())
    // Whoever asks and never reads the answers would fill our memory with them.
    client.on("ping", (data) => {
      if (client.readyState === WebSocket.OPEN && client.bufferedAmount < maxPongBytes) client.pong(data)
    })
    client.once("close", () => {
      this.#clients.delete(client)
      if (this.#clients.size > 0) return
      clearInterval(this.#timer)
      this.#timer = undefined
    })
  }

  #beat(): void {
    for (const [client, onDead] of this.#clients) {
      // One that we do not read from can't answer.
      if (client.isPaused) this.#silent.delete(client)
      else if (this.#silent.has(client)) onDead()
      else this.#ask(client)
    }
  }

  #ask(client: WebSocket): void {
    if (client.bufferedAmount >= maxPongBytes) return
    this.#silent.add(client)
    if (client.readyState === WebSocket.OPEN) client.ping()
  }
}
