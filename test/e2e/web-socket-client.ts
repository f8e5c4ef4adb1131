import { once } from "node:events"
import type { IncomingMessage } from "node:http"
import { type ClientOptions, type RawData, WebSocket } from "ws"

export interface Refused {
  readonly status: number
  readonly headers: IncomingMessage["headers"]
  readonly body: string
}

/** A client of a served worker, with its messages in order. */
export class WebSocketClient {
  /** Opens, or tells what the server answered instead. */
  static async open(url: string, options: ClientOptions = {}, protocols: string[] = []): Promise<WebSocketClient> {
    const client = new WebSocketClient(new WebSocket(url.replace(/^http/, "ws"), protocols, options))
    await client.#opened
    return client
  }

  /** What is answered to a handshake that is refused. */
  static async refused(url: string, options: ClientOptions = {}, protocols: string[] = []): Promise<Refused> {
    const socket = new WebSocket(url.replace(/^http/, "ws"), protocols, options)
    socket.on("error", () => {})
    const [, response] = (await once(socket, "unexpected-response")) as [unknown, IncomingMessage]
    let body = ""
    for await (const chunk of response) body += String(chunk)
    return { status: response.statusCode ?? 0, headers: response.headers, body }
  }

  readonly socket: WebSocket
  readonly closed: Promise<readonly [code: number, reason: string]>
  headers: IncomingMessage["headers"] = {}
  readonly #opened: Promise<unknown>
  readonly #messages: unknown[] = []
  #arrived: (() => void) | undefined

  private constructor(socket: WebSocket) {
    this.socket = socket
    this.#opened = once(socket, "open")
    socket.on("error", () => {})
    socket.once("upgrade", ({ headers }) => (this.headers = headers))
    socket.on("message", (data: RawData, isBinary) => {
      this.#messages.push(isBinary ? [...(data as Buffer)] : (data as Buffer).toString())
      this.#arrived?.()
    })
    this.closed = new Promise((resolve) => socket.once("close", (code, reason) => resolve([code, reason.toString()])))
  }

  /** The next message; bytes as an array of numbers. */
  async next(): Promise<unknown> {
    while (this.#messages.length === 0) await new Promise<void>((resolve) => (this.#arrived = resolve))
    return this.#messages.shift()
  }
}
