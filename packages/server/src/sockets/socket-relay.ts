import type { Socket } from "node:net"
import type { SocketEnd } from "@mayfly/platform"
import { MayflyError } from "@mayfly/protocol"
import { WebSocket } from "ws"

export interface RelayParts {
  /** The client's WebSocket, just opened. */
  readonly client: WebSocket
  /** What it runs on. */
  readonly socket: Socket
  /** The worker's side. */
  readonly end: SocketEnd
  /** Told of bytes that came. */
  readonly onReceived: (bytes: number) => void
}

/** From here on a side that sends has to wait. */
const maxWaitingBytes = 256 << 10
/** Head and mask of a control frame. */
const controlHeadBytes = 6
/** As of guests. */
export const maxRelayedBytes = 32 << 20

/** Carries messages between a client and the worker, both ways, no faster than they are taken, until one of them closes. */
export class SocketRelay {
  readonly #client: WebSocket
  readonly #end: SocketEnd
  /** Bytes since the last whole message: what is held of one that is not whole yet. */
  #partialBytes = 0
  #failure: Error | undefined

  constructor({ client, socket, end, onReceived }: RelayParts) {
    this.#client = client
    this.#end = end
    // Before the parser has it, which tells of messages while it takes the bytes.
    socket.prependListener("data", (chunk: Buffer) => {
      this.#partialBytes += chunk.length
      onReceived(chunk.length)
    })
    client.on("message", (data, isBinary) => this.#received(data as Buffer, isBinary))
    // These belong to no message.
    for (const type of ["ping", "pong"] as const)
      client.on(type, (data) => (this.#partialBytes -= controlHeadBytes + data.length))
    client.on("error", (error) => (this.#failure ??= error))
    client.once("close", (code, reason) => this.#clientClosed(code, reason.toString()))
    void this.#sendAll()
  }

  /** What this process holds for it, in both directions. */
  get heldBytes(): number {
    return this.#partialBytes + this.#end.bufferedBytes + this.#end.waitingBytes + this.#client.bufferedAmount
  }

  /** Says goodbye to both sides. */
  close(code: number, reason: string): void {
    this.#end.close({ code, reason })
    this.#closeClient(code, reason)
  }

  /** Ends both sides at once; the worker's hears why, and what nobody took is dropped. */
  cut(error: MayflyError): void {
    this.#failure ??= error
    this.#end.fail({ code: 1006, reason: "", error: this.#failure }, true)
    this.#client.terminate()
  }

  #received(data: Buffer, isBinary: boolean): void {
    this.#partialBytes = 0
    // Copied: the parser's buffers are its own.
    const problem = this.#end.send(isBinary ? new Uint8Array(data) : data.toString())
    if (problem !== undefined)
      return this.cut(new MayflyError("worker.websocket-limit", "the WebSocket's client sent too much at once"))
    if (this.#end.bufferedBytes > maxWaitingBytes && !this.#client.isPaused) void this.#pause()
  }

  async #pause(): Promise<void> {
    this.#client.pause()
    await this.#end.room()
    this.#client.resume()
  }

  async #sendAll(): Promise<void> {
    for (;;) {
      const { messages, closing } = await this.#end.receive()
      for (const message of messages) await this.#send(message)
      if (closing === undefined) continue
      const { code, reason, error } = closing
      return error === undefined ? this.#closeClient(code, reason) : this.#closeClient(...failureCode(error, code))
    }
  }

  async #send(message: string | Uint8Array): Promise<void> {
    if (this.#client.readyState !== WebSocket.OPEN) return
    // Also called when it was not sent.
    const written = new Promise<void>((resolve) => this.#client.send(message, () => resolve()))
    if (this.#client.bufferedAmount > maxWaitingBytes) await written
  }

  #clientClosed(code: number, reason: string): void {
    if (code !== 1006) return this.#end.close({ code, reason })
    this.#failure ??= new Error("the WebSocket's client has gone away")
    this.#end.fail({ code: 1006, reason: "", error: this.#failure })
  }

  #closeClient(code: number, reason: string): void {
    if (isSendable(code)) this.#client.close(code, shortened(reason))
    else this.#client.close()
    // Its answer has to be read, also when nobody reads messages any more.
    if (this.#client.readyState !== WebSocket.CLOSED) this.#client.resume()
  }
}

/** What a client is told when the worker's side broke: of a run that failed its code, of anything else nothing. */
function failureCode(error: Error, code: number): [code: number, reason: string] {
  const reason = error instanceof MayflyError ? error.code : ""
  // What the tenant may not do is no failure of the program's.
  if (/^(?:tenant|quota)\./.test(reason)) return [1008, reason]
  return [code === 1009 ? 1009 : 1011, reason]
}

/** Those that an application may send, as the parser at the other side sees it. */
function isSendable(code: number): boolean {
  return (code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code)) || (code >= 3000 && code <= 4999)
}

/** At most 123 bytes, as a close frame can have, and no half of a character. */
function shortened(reason: string): string {
  return new TextDecoder().decode(new TextEncoder().encode(reason).subarray(0, 123), { stream: true })
}
