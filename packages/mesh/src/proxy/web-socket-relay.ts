import type { IncomingMessage } from "node:http"
import type { Duplex } from "node:stream"
import type { EgressContext, EgressWebSocket, HeaderPairs } from "@mayfly/protocol"
import { type RawData, type WebSocket, WebSocketServer } from "ws"
import type { HttpEgress } from "../egress/create-egress.ts"

export interface Upgrade {
  readonly request: IncomingMessage
  readonly socket: Duplex
  readonly head: Buffer
}

export interface WantedWebSocket {
  /** ws: or wss: */
  readonly url: string
  readonly headers: HeaderPairs
  readonly context: EgressContext
}

/** WebSockets of a sandbox: messages are taken from one side and given to the other, no frame goes through as it came. */
export class WebSocketRelay {
  readonly #egress: HttpEgress

  constructor(egress: HttpEgress) {
    this.#egress = egress
  }

  /** Opens the far side first. Rejects with a MayflyError when it does not open; the near one has then got no answer yet. */
  async open({ request, socket, head }: Upgrade, { url, headers, context }: WantedWebSocket): Promise<void> {
    const far = await this.#egress.openWebSocket(url, { protocols: protocolsOf(request), headers }, context)
    // A handshake that is refused after all, and one that nobody waits for any more.
    const onClose = (): void => far.close(1001)
    socket.once("close", onClose)
    if (socket.destroyed) return onClose()
    const server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: maxMessageBytes,
      handleProtocols: () => (far.protocol === "" ? false : far.protocol),
    })
    server.handleUpgrade(request, socket, head, (near) => {
      socket.off("close", onClose)
      join(near, far)
    })
  }
}

const maxMessageBytes = 32 << 20

function protocolsOf({ headers }: IncomingMessage): readonly string[] {
  const given = headers["sec-websocket-protocol"]
  return given === undefined ? [] : given.split(",").map((protocol) => protocol.trim())
}

function join(near: WebSocket, far: EgressWebSocket): void {
  near.on("error", () => near.terminate())
  near.once("close", (code, reason) => far.close(closeCode(code), reason.toString()))
  near.on("message", (data, isBinary) => {
    near.pause()
    far.send(messageOf(data, isBinary)).then(
      () => near.resume(),
      () => near.terminate(),
    )
  })
  void deliver(far, near)
}

/** A message at a time: the next one is taken when this one has gone. */
async function deliver(far: EgressWebSocket, near: WebSocket): Promise<void> {
  try {
    for await (const message of far.messages) await sent(near, message)
    const { code, reason } = await far.closed
    near.close(closeCode(code), reason)
  } catch {
    near.close(1011)
  }
}

function sent(near: WebSocket, message: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    near.send(message, { binary: typeof message !== "string" }, (error) => {
      if (error === undefined || error === null) resolve()
      else reject(error)
    })
  })
}

/** A string for text, so that it goes on as text. */
function messageOf(data: RawData, isBinary: boolean): string | Uint8Array {
  const bytes = Array.isArray(data) ? Buffer.concat(data) : data instanceof ArrayBuffer ? new Uint8Array(data) : data
  return isBinary ? new Uint8Array(bytes) : Buffer.from(bytes).toString()
}

/** RFC 6455, 7.4: codes below 1000, and those that stand for no code, cannot be sent. */
function closeCode(code: number): number {
  const isSendable =
    (code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code)) || (code >= 3000 && code <= 4999)
  return isSendable ? code : code === 1005 ? 1000 : 1001
}
