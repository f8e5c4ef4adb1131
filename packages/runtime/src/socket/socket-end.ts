export type SocketMessage = string | Uint8Array

/** How one direction of a socket ends. With `error` it broke. */
export interface Closing {
  readonly code: number
  readonly reason: string
  readonly error?: Error
}

/** What was there to take: messages in order, then perhaps the end. */
export interface SocketBatch {
  readonly messages: readonly SocketMessage[]
  readonly closing?: Closing
}

/** Why a message was not sent; the socket has failed for it. */
export type SendProblem = "too-large" | "full"

/** As at Cloudflare. */
export const maxMessageBytes = 32 << 20
/** The most that one end holds for another that does not read. */
export const maxQueuedBytes = 64 << 20
/** What one transfer carries, unless a single message is larger; and from where on a relay waits. */
const maxBatchBytes = 256 << 10
const maxBatchMessages = 256
/** Even an empty message costs this much to hold. */
const messageOverhead = 64

/**
 * One end of a WebSocket: what is sent on it arrives at its peer, in order, once. Holds at most `maxQueuedBytes`; runs on both sides of the bridge.
 * An end that is told of the close answers it at once, as RFC 6455 (5.5.1) wants, so nobody waits for a peer that does not look.
 */
export class SocketEnd {
  static pair(): [SocketEnd, SocketEnd] {
    const [near, far] = [new SocketEnd(), new SocketEnd()]
    near.#peer = far
    far.#peer = near
    return [near, far]
  }

  #peer: SocketEnd = this
  #inbox: SocketMessage[] = []
  #inboxBytes = 0
  #closing: Closing | undefined
  #hasClosed = false
  #arrived: (() => void) | undefined
  #drained: (() => void) | undefined

  /** Bytes that the peer has not taken yet. */
  get bufferedBytes(): number {
    return this.#peer.#inboxBytes
  }

  /** Bytes that wait here to be taken. */
  get waitingBytes(): number {
    return this.#inboxBytes
  }

  /** Whether this end sends no more: it was closed by either side. */
  get hasClosed(): boolean {
    return this.#hasClosed
  }

  /** Keeps `message`, which must not change any more. After the close it is dropped, as in browsers. */
  send(message: SocketMessage): SendProblem | undefined {
    if (this.#hasClosed) return undefined
    const size = sizeOf(message)
    if (size > maxMessageBytes) return "too-large"
    const peer = this.#peer
    if (peer.#inboxBytes > 0 && peer.#inboxBytes + size > maxQueuedBytes) return "full"
    peer.#inbox[peer.#inbox.length] = message
    peer.#inboxBytes += size + messageOverhead
    peer.#wake()
    return undefined
  }

  /** Ends the sending direction after what was sent; the peer ends the other. Closing twice is safe. */
  close(closing: Closing): void {
    if (this.#hasClosed) return
    this.#hasClosed = true
    const peer = this.#peer
    peer.#closing = closing
    peer.close(closing)
    peer.#wake()
    this.#room()
  }

  /** Breaks both directions at once. What was not taken yet is lost with `dropsQueue`. */
  fail(closing: Closing, dropsQueue = false): void {
    for (const end of [this, this.#peer]) {
      end.#hasClosed = true
      end.#closing ??= closing
      if (dropsQueue) end.#clear()
      end.#wake()
      end.#room()
    }
  }

  /** Waits for something, then gives what is there. After a batch with `closing` there is nothing more. One reader at a time. */
  async receive(): Promise<SocketBatch> {
    while (this.#inbox.length === 0 && this.#closing === undefined) {
      await new Promise<void>((resolve) => (this.#arrived = resolve))
    }
    return this.#take()
  }

  /** Waits until the peer has taken most of what was sent. */
  async room(): Promise<void> {
    while (this.bufferedBytes > maxBatchBytes && !this.#hasClosed) {
      await new Promise<void>((resolve) => (this.#drained = resolve))
    }
  }

  #take(): SocketBatch {
    let count = 0
    let bytes = 0
    while (count < this.#inbox.length && count < maxBatchMessages && bytes < maxBatchBytes) {
      bytes += sizeOf(this.#inbox[count] as SocketMessage) + messageOverhead
      count++
    }
    const messages = this.#inbox.splice(0, count)
    this.#inboxBytes -= bytes
    this.#peer.#room()
    const isLast = this.#inbox.length === 0 && this.#closing !== undefined
    return isLast ? { messages, closing: this.#closing as Closing } : { messages }
  }

  #clear(): void {
    this.#inbox = []
    this.#inboxBytes = 0
  }

  #wake(): void {
    this.#arrived?.()
    this.#arrived = undefined
  }

  #room(): void {
    this.#drained?.()
    this.#drained = undefined
  }
}

/** Text counts as it will travel, at least. */
function sizeOf(message: SocketMessage): number {
  return typeof message === "string" ? message.length : message.byteLength
}
