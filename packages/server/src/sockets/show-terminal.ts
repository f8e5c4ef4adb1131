import type { SandboxTerminal } from "@mayfly/platform"
import { MayflyError } from "@mayfly/protocol"
import { WebSocket } from "ws"
import { publicError } from "../error-response.ts"
import { closeOnAbort } from "./close-on-abort.ts"
import type { SocketHandler } from "./socket-upgrade.ts"

export interface ShowOptions {
  /** Begins with what was shown before. */
  readonly replay: boolean
  /** Ends the view: the key does not count any more, or the server stops. */
  readonly signal: AbortSignal
}

const maxViewers = 32
/** From here on a viewer that does not read has to catch up first. */
const maxWaitingBytes = 256 << 10
const viewers = new WeakMap<SandboxTerminal, number>()

/**
 * Shows a terminal to one more viewer. Binary messages are what it shows and what is typed; texts are JSON: `resize` from the viewer; `ready`, `exit` and
 * `error` to it. A viewer that goes leaves the terminal as it is. Throws `sandbox.limit` when too many look at it.
 */
export function showTerminal(terminal: SandboxTerminal, options: ShowOptions): SocketHandler {
  const count = viewers.get(terminal) ?? 0
  if (count >= maxViewers)
    throw new MayflyError("sandbox.limit", `${maxViewers} viewers look at the terminal "${terminal.id}" already`)
  viewers.set(terminal, count + 1)
  const leave = (): void => void viewers.set(terminal, (viewers.get(terminal) ?? 1) - 1)
  return {
    open(socket) {
      socket.once("close", leave)
      socket.on("message", (data, isBinary) => take(terminal, socket, data as Buffer, isBinary))
      void show(terminal, socket, options)
    },
    lost: leave,
  }
}

async function show(terminal: SandboxTerminal, socket: WebSocket, { replay, signal }: ShowOptions): Promise<void> {
  const gone = new AbortController()
  socket.once("close", () => gone.abort())
  closeOnAbort(socket, signal)
  try {
    tell(socket, { type: "ready", terminal: terminal.id })
    const until = AbortSignal.any([gone.signal, signal])
    for await (const bytes of terminal.output({ replay, signal: until })) await send(socket, bytes)
    if (until.aborted) return
    const { exitCode } = await terminal.waitForExit()
    // `code` is what clients of Cloudflare's terminals read.
    tell(socket, { type: "exit", exitCode, code: exitCode })
  } catch (error) {
    const { code, message } = publicError(error)
    tell(socket, { type: "error", code, message })
  } finally {
    socket.close(1000)
    // Its goodbye has to be read, also when nobody reads what is typed any more.
    if (socket.readyState !== WebSocket.CLOSED) socket.resume()
  }
}

function take(terminal: SandboxTerminal, socket: WebSocket, data: Buffer, isBinary: boolean): void {
  if (!isBinary) return command(terminal, socket, data.toString("utf8"))
  socket.pause()
  void terminal.write(new Uint8Array(data)).then(() => socket.resume())
}

function command(terminal: SandboxTerminal, socket: WebSocket, text: string): void {
  try {
    const { type, cols, rows } = parse(text)
    if (type !== "resize") throw new MayflyError("input.invalid", 'type must be "resize"')
    terminal.resize(cols as number, rows as number)
  } catch (error) {
    const { code, message } = publicError(error)
    tell(socket, { type: "error", code, message })
  }
}

function parse(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === "object" && value !== null) return value as Readonly<Record<string, unknown>>
  } catch {
    // Said below.
  }
  throw new MayflyError("input.invalid", "a message of text must be a JSON object; what is typed is sent as bytes")
}

function tell(socket: WebSocket, message: object): void {
  if (socket.readyState !== WebSocket.OPEN) return
  // Whoever makes mistakes and never reads what was wrong would fill our memory with it.
  if (socket.bufferedAmount > maxWaitingBytes) socket.terminate()
  else socket.send(JSON.stringify(message))
}

async function send(socket: WebSocket, bytes: Uint8Array): Promise<void> {
  if (socket.readyState !== WebSocket.OPEN) return
  // Also called when it was not sent.
  const sent = new Promise<void>((resolve) => socket.send(bytes, () => resolve()))
  if (socket.bufferedAmount > maxWaitingBytes) await sent
}
