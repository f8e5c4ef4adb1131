import { type IncomingMessage, ServerResponse } from "node:http"
import type { Socket } from "node:net"
import { takeSocket, type WorkerResponse } from "@mayfly/platform"
import { checkHandshake } from "./web-socket-handshake.ts"
import type { WorkerSockets } from "./worker-sockets.ts"

type Upgraded = Pick<WorkerResponse, "headers"> & { readonly webSocket: NonNullable<WorkerResponse["webSocket"]> }

/** A connection on which a WebSocket was asked for, until the worker has answered: with one, or as any other request. */
export class UpgradeAttempt {
  /** Answers on the connection, and ends it. */
  readonly response: ServerResponse
  readonly #message: IncomingMessage
  readonly #socket: Socket
  readonly #sockets: WorkerSockets
  readonly #cut: () => void
  readonly #drain: () => void
  #protocols: readonly string[] = []

  /** Throws when an earlier request on the connection still waits for its answer. */
  constructor(message: IncomingMessage, socket: Socket, sockets: WorkerSockets) {
    this.#message = message
    this.#socket = socket
    this.#sockets = sockets
    this.response = new ServerResponse(message)
    this.response.shouldKeepAlive = false
    this.response.assignSocket(socket)
    this.response.once("finish", () => socket.destroySoon())
    this.#drain = () => void this.response.emit("drain")
    // Nothing may come before the answer. That it has ended is noticed only by reading.
    this.#cut = () => void socket.destroy()
    socket.on("drain", this.#drain).on("data", this.#cut).on("end", this.#cut)
    sockets.track(socket)
  }

  /** Throws `input.invalid` and `worker.queue-full`. */
  check(): void {
    this.#protocols = checkHandshake(this.#message)
    this.#sockets.checkCount()
  }

  /** Opens the WebSocket. Throws a TypeError for what the worker must not answer; then nothing was sent. */
  complete({ webSocket, headers }: Upgraded): void {
    const end = takeSocket(webSocket)
    const protocol = headers.get("sec-websocket-protocol")
    if (protocol !== null && !this.#protocols.includes(protocol)) {
      end.close({ code: 1002, reason: "" })
      throw new TypeError(`the worker chose the subprotocol "${protocol}", which the client does not offer`)
    }
    this.response.detachSocket(this.#socket)
    this.#socket.off("drain", this.#drain).off("data", this.#cut).off("end", this.#cut)
    this.#sockets.open(this.#message, this.#socket, end, { protocol, cookies: headers.getSetCookie() })
  }
}
