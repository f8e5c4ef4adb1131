import type { RunWebSocket } from "./run-web-socket.ts"

type ResponseArguments = ConstructorParameters<typeof Response>

export type WorkerResponseInit = NonNullable<ResponseArguments[1]> & { readonly webSocket?: RunWebSocket | null }

/** A Response that can also be an upgrade to a WebSocket, which the standard's class can't: its status would be refused. */
export class WorkerResponse extends Response {
  /** Of an upgrade: `accept()` it, or pass the response on. Null for any other response. */
  readonly webSocket: RunWebSocket | null

  constructor(body?: ResponseArguments[0], init: WorkerResponseInit = {}) {
    const { webSocket = null, ...rest } = init
    const isUpgrade = rest.status === 101 && webSocket !== null
    super(isUpgrade ? null : body, isUpgrade ? { ...rest, status: 200 } : rest)
    this.webSocket = webSocket
    if (!isUpgrade) return
    const clone = (): never => {
      throw new TypeError("Cannot clone a response to a WebSocket handshake.")
    }
    for (const [name, value] of Object.entries({ status: 101, ok: false, clone }))
      Object.defineProperty(this, name, { value })
  }
}
