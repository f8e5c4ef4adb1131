import { MayflyError } from "@mayfly/protocol"
import { type RelayParts, SocketRelay } from "./socket-relay.ts"

/** What is held is counted when so much has come, and once in a while: a worker sends without our seeing it. */
const countEveryBytes = 8 << 20
const countEveryMs = 1_000

/** Relays that share a bound of what they hold. */
export class SocketRelays {
  readonly #maxHeldBytes: number
  readonly #relays = new Set<SocketRelay>()
  #receivedBytes = 0
  #timer: NodeJS.Timeout | undefined

  constructor(maxHeldBytes = 512 << 20) {
    this.#maxHeldBytes = maxHeldBytes
  }

  /** Relays until one side closes. */
  open(parts: Omit<RelayParts, "onReceived">): SocketRelay {
    const relay = new SocketRelay({ ...parts, onReceived: (bytes) => this.#received(bytes) })
    this.#relays.add(relay)
    this.#timer ??= setInterval(() => this.#bound(), countEveryMs).unref()
    parts.client.once("close", () => {
      this.#relays.delete(relay)
      if (this.#relays.size > 0) return
      clearInterval(this.#timer)
      this.#timer = undefined
    })
    return relay
  }

  closeAll(code: number, reason: string): void {
    for (const relay of this.#relays) relay.close(code, reason)
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
}
