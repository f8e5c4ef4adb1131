import type { WebSocket } from "ws"
import { apiError } from "./api.ts"

/** How a session ended. */
export type SessionEnd =
  | { readonly how: "exit"; readonly exitCode: number }
  | { readonly how: "left"; readonly terminal: string }
  | { readonly how: "lost"; readonly terminal: string }

export interface TerminalSessionOptions {
  readonly stdin: NodeJS.ReadStream
  readonly stdout: NodeJS.WriteStream
  readonly signal: AbortSignal
}

/** Ctrl-]: leaves, as in telnet. Everything else is for the shell. */
const leaveKey = 0x1d
/** Undoes what programs may have left on: the other screen, margins, a hidden cursor, reports of mouse, focus and pasting, keypad modes, colours. */
const resetScreen =
  "\x1b7\x1b[?1049l\x1b[r\x1b8\x1b[?25h\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1004l\x1b[?1006l\x1b[?2004l\x1b[?1l\x1b>\x1b[0m"
/** What the terminal answers to a question of the guest's must not be typed into the shell that comes after us. */
const answersMs = 50

/** As the API takes it: a terminal may not know its size, or be as wide as a wall. */
export function sizeOf({ columns, rows }: NodeJS.WriteStream): { readonly cols: number; readonly rows: number } {
  return { cols: Math.min(columns || 80, 1_000), rows: Math.min(rows || 24, 1_000) }
}

/** The user's terminal in raw mode, while one or more connections are shown on it. Whoever makes it disposes it; it is restored then, and when the process ends. */
export class TerminalSession implements AsyncDisposable {
  readonly #options: TerminalSessionOptions
  readonly #restore: () => void
  #isRaw = true

  constructor(options: TerminalSessionOptions) {
    this.#options = options
    const { stdin, stdout } = options
    stdin.setRawMode(true)
    this.#restore = () => {
      if (!this.#isRaw) return
      this.#isRaw = false
      stdin.setRawMode(false)
      stdout.write(resetScreen)
    }
    process.once("exit", this.#restore)
  }

  /** Shows what comes and sends what is typed, until the terminal ends, the user leaves, or the connection is lost. Rejects with the error that the server tells. */
  async show(socket: WebSocket): Promise<SessionEnd> {
    const { stdin, stdout, signal } = this.#options
    const end = Promise.withResolvers<SessionEnd>()
    let terminal = ""
    const told = (text: string): void => {
      const message = JSON.parse(text) as { type: string; terminal?: string; exitCode?: number }
      if (message.type === "ready") terminal = String(message.terminal)
      else if (message.type === "exit") end.resolve({ how: "exit", exitCode: Number(message.exitCode) })
      else if (message.type === "error") end.reject(apiError({ error: { ...message, details: {} } }))
    }
    const onMessage = (data: Buffer, isBinary: boolean): void => {
      if (!isBinary) return told(data.toString("utf8"))
      if (stdout.write(data)) return
      socket.pause()
      stdout.once("drain", () => socket.resume())
    }
    const onKeys = (keys: Buffer): void => {
      const at = keys.indexOf(leaveKey)
      const typed = at === -1 ? keys : keys.subarray(0, at)
      if (typed.length > 0) {
        stdin.pause()
        socket.send(typed, () => stdin.resume())
      }
      if (at !== -1) end.resolve({ how: "left", terminal })
    }
    const onResize = (): void => {
      if (socket.readyState === socket.OPEN) socket.send(JSON.stringify({ type: "resize", ...sizeOf(stdout) }))
    }
    const onAbort = (): void => end.resolve({ how: "left", terminal })
    socket.on("message", onMessage)
    socket.once("close", () => end.resolve({ how: "lost", terminal }))
    stdin.on("data", onKeys)
    stdin.once("end", onAbort)
    stdout.on("resize", onResize)
    signal.addEventListener("abort", onAbort, { once: true })
    onResize()
    socket.resume()
    try {
      return await end.promise
    } finally {
      socket.off("message", onMessage)
      stdin.off("data", onKeys)
      stdin.off("end", onAbort)
      stdout.off("resize", onResize)
      signal.removeEventListener("abort", onAbort)
      socket.resume()
      socket.close(1000)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { stdin } = this.#options
    // Still raw: what comes now is shown nowhere and goes nowhere.
    const drop = (): void => {}
    stdin.on("data", drop)
    await new Promise((resolve) => setTimeout(resolve, answersMs))
    this.#restore()
    process.off("exit", this.#restore)
    stdin.off("data", drop)
    stdin.pause()
  }
}
