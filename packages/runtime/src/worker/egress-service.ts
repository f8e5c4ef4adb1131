import { type EgressContext, type EgressWebSocket, type HeaderPairs, MayflyError } from "@mayfly/protocol"
import type { Egress } from "../egress.ts"
import { SocketEnd } from "../socket/socket-end.ts"
import { socketInternals } from "../socket/run-web-socket.ts"
import type { Semaphore } from "./semaphore.ts"

/** The number by which guests call it, see guest/web/egress-call.ts. */
export const egressTarget = -2

export interface EgressServiceOptions {
  readonly egress: Egress
  /** Of connections, which last until the run ends. */
  context(): EgressContext
  readonly requests: Semaphore
  /** Throws when the run may make no further request. */
  countRequest(): void
  onFailure(error: unknown): void
}

/** Connections of a guest: WebSockets and raw ones. All arguments come from the guest. */
export class EgressService {
  readonly #options: EgressServiceOptions

  constructor(options: EgressServiceOptions) {
    this.#options = options
  }

  /** The subprotocol that was chosen, and a socket to accept. */
  async webSocket(url: unknown, protocols: unknown, headers: unknown): Promise<{ protocol: string; socket: object }> {
    const given = { protocols: protocolsOf(protocols), headers: headersOf(headers) }
    if (typeof url !== "string") throw invalid("the address can't be read")
    const opened = await this.#open((egress, context) => egress.openWebSocket(url, given, context))
    const [near, far] = SocketEnd.pair()
    void receive(opened, far)
    void send(opened, far)
    return { protocol: opened.protocol, socket: socketInternals.wrap(near) }
  }

  async connect(host: unknown, port: unknown, tls: unknown): Promise<{ readable: object; writable: object }> {
    if (typeof host !== "string" || typeof port !== "number" || typeof tls !== "boolean")
      throw invalid("the address can't be read")
    const { readable, writable } = await this.#open((egress, context) =>
      egress.openSocket({ host, port, tls }, context),
    )
    return { readable, writable }
  }

  /** A connection that waits counts in `concurrentRequests`; one that is open does not, as at Cloudflare. */
  async #open<Opened>(open: (egress: Egress, context: EgressContext) => Promise<Opened>): Promise<Opened> {
    const { egress, requests, countRequest, onFailure } = this.#options
    const context = this.#options.context()
    try {
      countRequest()
      return await requests.use(context.signal, () => open(egress, context))
    } catch (error) {
      onFailure(error)
      throw error
    }
  }
}

async function receive(from: EgressWebSocket, end: SocketEnd): Promise<void> {
  const reader = from.messages.getReader()
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      if (end.send(next.value) !== undefined) throw new RangeError("a message is too large")
      await end.room()
    }
    const { code, reason } = await from.closed
    if (code === 1006) end.fail({ code, reason, error: new Error(reason || "the connection broke") })
    else end.close({ code, reason })
  } catch (error) {
    broken(from, end, error)
  }
}

async function send(to: EgressWebSocket, end: SocketEnd): Promise<void> {
  try {
    for (;;) {
      const { messages, closing } = await end.receive()
      for (const message of messages) await to.send(message)
      if (closing !== undefined) return close(to, closing.code, closing.reason)
    }
  } catch (error) {
    broken(to, end, error)
  }
}

function broken(socket: EgressWebSocket, end: SocketEnd, error: unknown): void {
  const failure = error instanceof Error ? error : new Error(String(error))
  end.fail({ code: 1006, reason: failure.message.slice(0, 100), error: failure })
  close(socket, 1000, "")
}

/** Codes that may not be sent are left out. */
function close(socket: EgressWebSocket, code: number, reason: string): void {
  try {
    if (code === 1000 || code >= 3000) socket.close(code, reason)
    else socket.close()
  } catch {
    socket.close()
  }
}

function protocolsOf(value: unknown): string[] {
  if (!Array.isArray(value) || value.length > 100) throw invalid("the subprotocols can't be read")
  return value.map((protocol: unknown) => {
    if (typeof protocol !== "string") throw invalid("a subprotocol can't be read")
    return protocol
  })
}

/** The handshake's own are not the guest's to set. */
function headersOf(value: unknown): HeaderPairs {
  if (!Array.isArray(value)) throw invalid("the headers can't be read")
  const headers = value.map((pair: unknown): readonly [string, string] => {
    const [name, text] = Array.isArray(pair) ? (pair as unknown[]) : []
    if (typeof name !== "string" || typeof text !== "string") throw invalid("a header can't be read")
    return [name, text]
  })
  return headers.filter(([name]) => !/^(?:upgrade|connection|sec-websocket-.*)$/i.test(name))
}

function invalid(message: string): MayflyError {
  return new MayflyError("input.invalid", message)
}
