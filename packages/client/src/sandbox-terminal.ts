import { MayflyError, pathSegment } from "@mayfly/protocol"
import { errorFromJson } from "./api-error.ts"
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
    this.#output = new ReadableStream<Uint8Array>({
      start(controller) {
        socket.addEventListener("message", ({ data }: { readonly data: unknown }) => {
          if (data instanceof ArrayBuffer) return controller.enqueue(new Uint8Array(data))
          const message = messageOf(data)
          if (message["type"] === "exit") ended.resolve({ exitCode: Number(message["exitCode"]) })
          if (message["type"] === "error") ended.reject(errorFromJson(message) ?? new Error("the terminal failed"))
        })
        socket.addEventListener("close", () => {
          ended.reject(new MayflyError("client.disconnected", "the view of the terminal was closed"))
          controller.close()
        })
      },
      cancel: () => socket.close(1000),
    })
  }

  /** Rejects as `terminal` of a sandbox does. */
  static async open(http: SandboxHttp, options: TerminalOptions): Promise<SandboxTerminal> {
    const socket = await openSocket(http.http, http.at("/terminal", { ...options }))
    socket.binaryType = "arraybuffer"
    const { promise, resolve, reject } = Promise.withResolvers<string>()
    socket.addEventListener("close", () => reject(new MayflyError("client.disconnected", "the terminal did not open")))
    const listen = ({ data }: { readonly data: unknown }): void => {
      const message = messageOf(data)
      if (message["type"] === "error") reject(errorFromJson(message) ?? new Error("the terminal failed"))
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

function messageOf(data: unknown): Readonly<Record<string, unknown>> {
  const value: unknown = typeof data === "string" ? JSON.parse(data) : undefined
  return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : {}
}
