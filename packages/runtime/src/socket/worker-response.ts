import { type RunWebSocket, socketInternals } from "./run-web-socket.ts"

type ResponseArguments = ConstructorParameters<typeof Response>

export type WorkerResponseInit = NonNullable<ResponseArguments[1]> & { readonly webSocket?: RunWebSocket | null }

/** A Response that can also be an upgrade to a WebSocket, which the standard's class can't: its status would be refused. */
export class WorkerResponse extends Response {
  /** Of an upgrade: `accept()` it, or pass the response on. Null for any other response. */
  readonly webSocket: RunWebSocket | null

  /** `init` may be another response, also an upgrade. */
  constructor(body?: ResponseArguments[0], init: WorkerResponseInit = {}) {
    const { webSocket } = init
    const isUpgrade = webSocket !== undefined && webSocket !== null
    if (isUpgrade) checkUpgrade(webSocket, init.status)
    super(isUpgrade ? null : body, isUpgrade ? headOf(init) : init)
    this.webSocket = isUpgrade ? webSocket : null
    if (!isUpgrade) return
    const clone = (): never => {
      throw new TypeError("Cannot clone a response to a WebSocket handshake.")
    }
    for (const [name, value] of Object.entries({ status: 101, ok: false, clone }))
      Object.defineProperty(this, name, { value })
  }
}

function checkUpgrade(webSocket: unknown, status: unknown): void {
  if (!socketInternals.isWebSocket(webSocket)) throw new TypeError("Response: webSocket is not a WebSocket")
  if (status !== 101) throw new RangeError("Responses with a WebSocket must have status code 101.")
}

/** Read one by one: those of a response are getters. */
function headOf({ statusText, headers }: WorkerResponseInit): WorkerResponseInit {
  return {
    status: 200,
    ...(statusText === undefined ? {} : { statusText }),
    ...(headers === undefined ? {} : { headers }),
  }
}
