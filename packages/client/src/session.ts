import { MayflyError } from "@mayfly/protocol"
import { newWebSocketRpcSession } from "capnweb"
import { errorFromJson } from "./api-error.ts"
import type { Http } from "./http.ts"
import { openSocket } from "./open-socket.ts"

/** What the server offers on `/v1/session`. */
export interface SessionMain {
  createWorker(options: unknown): Promise<{ worker?: unknown; hash?: unknown; error?: unknown }>
}

/** Largest message that is taken from a server. */
const maxMessage = 128 << 20

/** The WebSocket to the server, opened at its first use and again after it broke. */
export class Session {
  readonly #http: Http
  #opening: Promise<SessionMain> | undefined
  #socket: WebSocket | undefined
  #isClosed = false

  constructor(http: Http) {
    this.#http = http
  }

  /** Rejects with `client.unreachable` and what the server refuses it with. */
  async open(): Promise<SessionMain> {
    if (this.#isClosed) throw new MayflyError("worker.disposed", "the connection was disposed")
    return (this.#opening ??= this.#open())
  }

  /** Cuts the connection; the next use opens another. */
  interrupt(): void {
    this.#opening = undefined
    this.#socket?.close(1000)
  }

  close(): void {
    this.#isClosed = true
    this.#socket?.close(1000)
  }

  async #open(): Promise<SessionMain> {
    try {
      const socket = await openSocket(this.#http, this.#http.at("/v1/session"))
      this.#socket = socket
      socket.addEventListener("close", () => (this.#opening = undefined))
      return newWebSocketRpcSession(socket, undefined, {
        limits: { maxMessageSize: maxMessage },
      }) as unknown as SessionMain
    } catch (error) {
      this.#opening = undefined
      throw error
    }
  }
}

/** What a call on the session failed with: the connection, nearly always. */
export function sessionError(cause: unknown): Error {
  if (cause instanceof MayflyError) return cause
  const message = cause instanceof Error ? cause.message : String(cause)
  return errorFromJson(cause) ?? new MayflyError("client.disconnected", `the session broke: ${message}`, { cause })
}
