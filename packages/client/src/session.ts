import { errorFromJson, MayflyError } from "@mayfly/protocol"
import { newWebSocketRpcSession } from "capnweb"
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

  /** The same for as long as the connection lasts. Rejects with `client.unreachable` and what the server refuses it with. */
  async open(): Promise<SessionMain> {
    this.#checkOpen()
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

  #open(): Promise<SessionMain> {
    // A later one may be there when this one is found to be gone.
    const forget = (): void => {
      if (this.#opening === opening) this.#opening = undefined
    }
    const opening = this.#connect(forget).catch((error: unknown) => {
      forget()
      throw error
    })
    return opening
  }

  async #connect(onEnd: () => void): Promise<SessionMain> {
    const socket = await openSocket(this.#http, this.#http.at("/v1/session"))
    if (this.#isClosed) socket.close(1000)
    this.#checkOpen()
    this.#socket = socket
    socket.addEventListener("close", onEnd)
    return newWebSocketRpcSession(socket, undefined, {
      limits: { maxMessageSize: maxMessage },
    }) as unknown as SessionMain
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new MayflyError("worker.disposed", "the connection was disposed")
  }
}

/** What a call on the session failed with: the connection, nearly always. */
export function sessionError(cause: unknown): Error {
  if (cause instanceof MayflyError) return cause
  const message = cause instanceof Error ? cause.message : String(cause)
  return errorFromJson(cause) ?? new MayflyError("client.disconnected", `the session broke: ${message}`, { cause })
}
