import { createWriteStream, openSync, renameSync, statSync, type WriteStream } from "node:fs"
import { MayflyError } from "@mayfly/protocol"

/** One console line of a program. */
export interface GuestLine {
  readonly tenant: string
  readonly runId: string
  readonly level: string
  readonly message: string
  readonly time: number
}

export interface GuestLogOptions {
  /** A file, or "-" for stdout. */
  readonly target: string
  readonly maxBytes: number
}

export interface GuestLog extends AsyncDisposable {
  write(line: GuestLine): void
}

/** Lines that wait for a slow disk or reader; more are dropped and counted, for programs must not fill our memory. */
const maxWaitingBytes = 4 << 20
/** Of one line. */
const maxMessage = 16 << 10

/** Console lines of programs as JSON lines, apart from our own log. Throws `input.invalid` for a file that can't be written. */
export function openGuestLog({ target, maxBytes }: GuestLogOptions): GuestLog {
  const toFile = target !== "-"
  let stream: NodeJS.WritableStream & { readonly writableLength: number } = toFile ? openFile(target) : process.stdout
  let bytes = toFile ? sizeOf(target) : 0
  let dropped = 0
  const turn = (): void => {
    const old = stream as WriteStream
    renameSync(target, `${target}.1`)
    stream = openFile(target)
    bytes = 0
    old.end()
  }
  return {
    write({ message, ...line }) {
      if (stream.writableLength > maxWaitingBytes) return void dropped++
      const text = `${JSON.stringify({ ...line, message: message.slice(0, maxMessage), ...(dropped > 0 ? { dropped } : {}) })}\n`
      dropped = 0
      bytes += Buffer.byteLength(text)
      if (toFile && bytes > maxBytes) {
        turn()
        bytes = Buffer.byteLength(text)
      }
      stream.write(text)
    },
    async [Symbol.asyncDispose]() {
      if (toFile) await new Promise<void>((resolve) => stream.end(() => resolve()))
    },
  }
}

function openFile(path: string): WriteStream {
  // Opened before it is written to, so that a wrong path is told at the start.
  let descriptor: number
  try {
    descriptor = openSync(path, "a", 0o600)
  } catch (error) {
    throw new MayflyError(
      "input.invalid",
      `the log of guests "${path}" can't be written: ${(error as Error).message}`,
      {
        details: { path: "log.guests" },
      },
    )
  }
  const stream = createWriteStream(path, { fd: descriptor })
  // A full disk must not end the server.
  stream.on("error", () => {})
  return stream
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}
