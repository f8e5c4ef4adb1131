import { errorFromJson, MayflyError, pathSegment } from "@mayfly/protocol"
import { openSocket } from "./open-socket.ts"
import type { SandboxHttp } from "./sandbox-http.ts"

export interface TerminalOptions {
  readonly cols?: number
  readonly rows?: number
  readonly cwd?: string
  /** A line for bash. Default: a login shell. */
  readonly command?: string
  /** One that is there, to look at again. */
  readonly terminal?: string
  /** False: nothing of what it showed before. */
  readonly replay?: boolean
}

/** A view of a terminal in a sandbox; the terminal lives on when the view is closed. */
export class SandboxTerminal implements AsyncDisposable {
  readonly id: string
  readonly #http: SandboxHttp
  readonly #socket: WebSocket
  readonly #output: ReadableStream<Uint8Array>
  readonly #ended: Promise<{ exitCode: number }>

  private constructor(http: SandboxHttp, socket: WebSocket, id: string) {
    this.#http = http
    this.#socket = socket
    this.id = id
    const ended = Promise.withResolvers<{ exitCode: number }>()
    this.#ended = ended.promise
    this.#ended.catch(() => {})
    this.#output = outputOf(socket)
    socket.addEventListener("message", ({ data }: { readonly data: unknown }) => {
      const message = messageOf(data)
      if (message["type"] === "exit") ended.resolve({ exitCode: Number(message["exitCode"]) })
      if (message["type"] === "error") ended.reject(failureOf(message))
    })
    socket.addEventListener("close", () =>
      ended.reject(new MayflyError("client.disconnected", "the view of the terminal was closed")),
    )
  }

  /** Rejects as `terminal` of a sandbox does. */
  static async open(http: SandboxHttp, options: TerminalOptions): Promise<SandboxTerminal> {
    const socket = await openSocket(http.http, http.at("/terminal", { ...options }))
    socket.binaryType = "arraybuffer"
    const { promise, resolve, reject } = Promise.withResolvers<string>()
    socket.addEventListener("close", () => reject(new MayflyError("client.disconnected", "the terminal did not open")))
    const listen = ({ data }: { readonly data: unknown }): void => {
      const message = messageOf(data)
      if (message["type"] === "error") reject(failureOf(message))
      else resolve(String(message["terminal"]))
    }
    socket.addEventListener("message", listen, { once: true })
    return new SandboxTerminal(http, socket, await promise)
  }

  /** What it shows, once. */
  output(): ReadableStream<Uint8Array> {
    return this.#output
  }

  write(data: string | Uint8Array): void {
    this.#socket.send(typeof data === "string" ? new TextEncoder().encode(data) : new Uint8Array(data))
  }

  resize(cols: number, rows: number): void {
    this.#socket.send(JSON.stringify({ type: "resize", cols, rows }))
  }

  async waitForExit(): Promise<{ exitCode: number }> {
    return this.#ended
  }

  /** Ends the terminal and what runs in it. */
  async kill(): Promise<void> {
    await this.#http.json("DELETE", `/terminals/${pathSegment(this.id)}`)
  }

  /** Closes the view. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close(1000)
  }
}

/** More than this is not kept for somebody who does not read. */
const maxUnreadBytes = 16 << 20

/** A WebSocket can't be slowed down: whoever reads too little of it reads to where the room ended, and then an error. */
function outputOf(socket: WebSocket): ReadableStream<Uint8Array> {
  let isOver = false
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        socket.addEventListener("message", ({ data }: { readonly data: unknown }) => {
          if (isOver || !(data instanceof ArrayBuffer)) return
          isOver = (controller.desiredSize ?? 0) <= 0
          if (!isOver) controller.enqueue(new Uint8Array(data))
          else controller.error(new MayflyError("client.disconnected", "the terminal wrote more than was read"))
        })
        socket.addEventListener("close", () => {
          if (!isOver) controller.close()
          isOver = true
        })
      },
      cancel: () => {
        isOver = true
        socket.close(1000)
      },
    },
    new ByteLengthQueuingStrategy({ highWaterMark: maxUnreadBytes }),
  )
}

function failureOf(message: unknown): MayflyError {
  return errorFromJson(message) ?? new MayflyError("client.not-mayfly", "the server sent an error without a code")
}

/** Nothing for what is no message. */
function messageOf(data: unknown): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = typeof data === "string" ? JSON.parse(data) : undefined
    return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : {}
  } catch {
    return {}
  }
}
