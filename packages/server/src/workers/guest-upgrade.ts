import { type RunWebSocket, type SocketEnd, takeSocket, type UntilRemoved } from "@mayfly/platform"
import { MayflyError } from "@mayfly/protocol"
import type { Call } from "../route/call.ts"
import { bearerPrefix, protocolName } from "../sockets/bearer-protocol.ts"
import { closeOnAbort } from "../sockets/close-on-abort.ts"
import { maxRelayedBytes } from "../sockets/socket-relay.ts"
import { isUpgrade, type SocketHandler, upgradeOf } from "../sockets/socket-upgrade.ts"

/** How long a run may go on when its WebSocket has ended. Most end with it. */
const cleanupMs = 30_000
const handshakeHeaders = ["sec-websocket-key", "sec-websocket-version"]

/** The WebSocket that a request to a named worker may ask for, until its handler has answered. Other requests it leaves as they are. */
export class GuestUpgrade implements Disposable {
  /** Cancels the run: at once before it has answered; a WebSocket that is open says goodbye first. */
  readonly signal: AbortSignal
  readonly #call: Call
  /** Of the request: the client goes, the key ends, the server stops. */
  readonly #ended: AbortSignal
  readonly #run = new AbortController()
  readonly #cancel = (): void => this.#run.abort(this.#ended.reason)
  readonly #kept: DisposableStack
  /** Undefined when no WebSocket is asked for. */
  readonly #removed: AbortSignal | undefined

  /** Throws `worker.queue-full`. The caller disposes it. */
  constructor(call: Call, untilRemoved: () => UntilRemoved) {
    this.#call = call
    this.#ended = call.signal
    this.signal = this.#ended
    using kept = new DisposableStack()
    if (isUpgrade(call.c)) {
      kept.use(call.server.places.sockets.take(call.access.ownTenant))
      this.#removed = kept.use(untilRemoved()).signal
      this.signal = this.#run.signal
      this.#ended.addEventListener("abort", this.#cancel, { once: true })
      if (this.#ended.aborted) this.#cancel()
    }
    this.#kept = kept.move()
  }

  /** The headers that the handler gets, those of the handshake with them. */
  withHeaders(headers: Headers): Headers {
    if (this.#removed === undefined) return headers
    headers.set("connection", "Upgrade")
    headers.set("upgrade", "websocket")
    const given = this.#call.c.req.raw.headers
    for (const name of handshakeHeaders) headers.set(name, given.get(name) ?? "")
    const offered = this.#offered()
    if (offered.length > 0) headers.set("sec-websocket-protocol", offered.join(", "))
    return headers
  }

  /** Passes the handler's WebSocket on. Throws `server.upgrade-required` when none was asked for, and `worker.guest` for a subprotocol that was not offered. */
  accept(webSocket: RunWebSocket, headers: Headers): Response {
    const end = takeSocket(webSocket)
    try {
      const upgrade = upgradeOf(this.#call.c)
      const handler = this.#handler(end, this.#protocolOf(headers))
      this.#ended.removeEventListener("abort", this.#cancel)
      return upgrade.accept(handler, this.#kept.move())
    } catch (error) {
      end.close({ code: 1002, reason: "" })
      throw error
    }
  }

  [Symbol.dispose](): void {
    this.#kept.dispose()
  }

  /** Without what is ours, the key most of all. */
  #offered(): readonly string[] {
    const given = this.#call.c.req.header("sec-websocket-protocol") ?? ""
    const all = given.split(",").map((protocol) => protocol.trim())
    return all.filter((protocol) => protocol !== "" && protocol !== protocolName && !protocol.startsWith(bearerPrefix))
  }

  #protocolOf(headers: Headers): { readonly protocol?: string } {
    const protocol = headers.get("sec-websocket-protocol")
    if (protocol === null) return {}
    if (this.#offered().includes(protocol)) return { protocol }
    const message = `the handler chose the subprotocol "${protocol.slice(0, 100)}", which the client does not offer`
    throw new MayflyError("worker.guest", message, { details: { name: "TypeError", message } })
  }

  #handler(end: SocketEnd, chosen: { readonly protocol?: string }): SocketHandler {
    return {
      ...chosen,
      maxMessageBytes: maxRelayedBytes,
      open: (client, socket) => {
        const relay = this.#call.server.relays.open({ client, socket, end })
        closeOnAbort(client, this.#ended, (code, reason) => relay.close(code, reason))
        const remove = (): void => relay.close(1001, "the worker was removed")
        this.#removed?.addEventListener("abort", remove, { once: true })
        if (this.#removed?.aborted === true) remove()
        client.once("close", () => setTimeout(this.#cancel, cleanupMs).unref())
      },
      lost: () => end.fail({ code: 1006, reason: "", error: new Error("the client has gone away") }),
    }
  }
}
