import { type IncomingMessage, ServerResponse } from "node:http"
import type { Socket } from "node:net"
import { MayflyError } from "@mayfly/protocol"
import { type WebSocket, WebSocketServer } from "ws"
import type { ServerApp } from "../create-server.ts"
import { bareError, publicError } from "../error-response.ts"
import { FairShare } from "../fair-share.ts"
import { requestOf } from "../worker/node-request.ts"
import { sendResponse } from "../worker/send-response.ts"
import { checkHandshake, hasBody } from "../worker/web-socket-handshake.ts"
import { bearerPrefix, protocolName } from "./bearer-protocol.ts"
import { Heartbeat } from "./heartbeat.ts"
import { type SocketHandler, SocketUpgrade } from "./socket-upgrade.ts"

export interface ApiSocketOptions {
  /** WebSockets at once. Default 1,000. */
  readonly maxSockets?: number
  /** How often clients have to show that they are there. Default 30 s. */
  readonly beatMs?: number
  /** Bytes of messages that have not come whole yet, of all WebSockets. Default 512 MiB. */
  readonly maxUnfinishedBytes?: number
}

const maxMessageBytes = 1 << 20

/** The WebSockets of the API. A request for one goes through the app, so whatever guards a route guards its WebSocket. */
export class ApiSockets {
  readonly #maxSockets: number
  readonly #heartbeat: Heartbeat
  readonly #unfinished: FairShare
  readonly #sockets = new Set<Socket>()
  readonly #clients = new Set<WebSocket>()
  /** By the largest message that they take. */
  readonly #servers = new Map<number, WebSocketServer>()
  /** Chosen by those who agreed. */
  readonly #protocols = new WeakMap<IncomingMessage, string>()

  constructor({ maxSockets = 1_000, beatMs = 30_000, maxUnfinishedBytes = 512 << 20 }: ApiSocketOptions = {}) {
    // A thousand large messages that never end would take all memory.
    this.#unfinished = new FairShare(maxUnfinishedBytes)
    this.#maxSockets = maxSockets
    this.#heartbeat = new Heartbeat(beatMs)
  }

  /** Asks the app about a request to upgrade, and does what it says. Never rejects. */
  async handle(app: Promise<ServerApp>, message: IncomingMessage, socket: Socket, head: Buffer): Promise<void> {
    socket.on("error", () => {})
    // A client has to wait for the answer.
    if (head.length > 0 || hasBody(message)) return void socket.destroy()
    const attempt = new Attempt(message, socket)
    const upgrade = new SocketUpgrade()
    try {
      const request = this.#requestOf(message, attempt.gone)
      const answer = await (await app).fetch(request, { incoming: message, upgrade })
      const { handler } = upgrade
      const isAgreed = handler !== undefined && answer.status === 204
      if (isAgreed && attempt.release() && this.#open(message, socket, handler, upgrade.holder)) return
      handler?.lost?.()
      if (!isAgreed) await attempt.answer(answer)
    } catch (error) {
      await attempt.answer(bareError(publicError(error))).catch(() => {})
    }
  }

  closeAll(code: number, reason: string): void {
    for (const client of this.#clients) client.close(code, reason)
  }

  destroyAll(): void {
    for (const client of this.#clients) client.terminate()
  }

  #requestOf(message: IncomingMessage, signal: AbortSignal): Request {
    if (this.#sockets.size >= this.#maxSockets) {
      const details = { limit: this.#maxSockets, retryAfterMs: 1_000 }
      throw new MayflyError("worker.queue-full", `${this.#maxSockets} WebSockets are open already`, { details })
    }
    this.#track(message.socket)
    const offered = checkHandshake(message)
    const request = requestOf(message, { maxBodyBytes: 0, signal })
    const bearer = offered.find((protocol) => protocol.startsWith(bearerPrefix))
    if (bearer !== undefined && !request.headers.has("authorization"))
      request.headers.set("authorization", `Bearer ${bearer.slice(bearerPrefix.length)}`)
    return request
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket)
    socket.once("close", () => this.#sockets.delete(socket))
  }

  #serverFor(maxPayload: number): WebSocketServer {
    const known = this.#servers.get(maxPayload)
    if (known !== undefined) return known
    const server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      autoPong: false,
      maxPayload,
      handleProtocols: (offered, request) =>
        this.#protocols.get(request) ?? (offered.has(protocolName) ? protocolName : false),
    })
    this.#servers.set(maxPayload, server)
    return server
  }

  /** False when it could not be: then the connection has ended. */
  #open(message: IncomingMessage, socket: Socket, handler: SocketHandler, holder: string | null): boolean {
    let isOpen = false
    const server = this.#serverFor(handler.maxMessageBytes ?? maxMessageBytes)
    if (handler.protocol !== undefined) this.#protocols.set(message, handler.protocol)
    server.handleUpgrade(message, socket, Buffer.alloc(0), (client) => {
      this.#clients.add(client)
      client.on("error", () => {})
      this.#bound(client, socket, holder)
      this.#heartbeat.watch(client, socket, () => client.terminate())
      client.once("close", () => this.#clients.delete(client))
      isOpen = true
      handler.open(client, socket)
    })
    return isOpen
  }

  /** Counts what came since the last whole message. */
  #bound(client: WebSocket, socket: Socket, holder: string | null): void {
    let bytes = 0
    const giveBack = (): void => {
      this.#unfinished.giveBack(bytes, holder)
      bytes = 0
    }
    socket.on("data", ({ byteLength }: Buffer) => {
      if (this.#unfinished.take(byteLength, holder) === undefined) bytes += byteLength
      else client.terminate()
    })
    client.on("message", giveBack)
    client.once("close", giveBack)
  }
}

/** The connection of a request to upgrade, until it has its answer: a WebSocket, or one as to any other request. */
class Attempt {
  readonly #socket: Socket
  readonly #response: ServerResponse
  readonly #gone = new AbortController()
  readonly #cut: () => void
  readonly #drain: () => void

  constructor(message: IncomingMessage, socket: Socket) {
    this.#socket = socket
    this.#response = new ServerResponse(message)
    this.#response.shouldKeepAlive = false
    this.#response.assignSocket(socket)
    this.#response.once("finish", () => socket.destroySoon())
    this.#drain = () => void this.#response.emit("drain")
    // Nothing may come before the answer; that the connection has ended is noticed only by reading.
    this.#cut = () => {
      socket.destroy()
      this.#gone.abort(new DOMException("the client has gone away", "AbortError"))
    }
    socket.on("drain", this.#drain).on("data", this.#cut).on("end", this.#cut).once("close", this.#cut)
  }

  get gone(): AbortSignal {
    return this.#gone.signal
  }

  answer(response: Response): Promise<void> {
    return sendResponse(response, this.#response, false)
  }

  /** Gives the connection to a WebSocket. False when it has ended. */
  release(): boolean {
    if (this.#socket.destroyed) return false
    this.#response.detachSocket(this.#socket)
    this.#socket.off("drain", this.#drain).off("data", this.#cut).off("end", this.#cut).off("close", this.#cut)
    return true
  }
}
