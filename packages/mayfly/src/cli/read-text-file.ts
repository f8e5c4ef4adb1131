import { closeSync, constants, fstatSync, openSync, readSync, statSync } from "node:fs"
import { Socket } from "node:net"
import { addAbortSignal, type Readable } from "node:stream"
import { MayflyError } from "@mayfly/protocol"
import { invalid } from "./command-error.ts"

/** More than any program or value that is taken has. */
const maxBytes = 96 << 20

/** A file as text. Throws `input.invalid`, also for what is longer, and for what is not UTF-8: it would mean something else than it says. */
export function readTextFile(option: string, path: string): string {
  let descriptor: number | undefined
  try {
    descriptor = openSync(path, "r")
    const found = fstatSync(descriptor)
    if (found.isCharacterDevice() || found.isBlockDevice()) throw new Error(`"${path}" is a device`)
    return utf8(option, readAll(descriptor, option, found.size))
  } catch (error) {
    throw unreadable(option, error)
  } finally {
    if (descriptor !== undefined) closeSync(descriptor)
  }
}

/** The same for a file that may be a pipe, which nobody has to write to: reading ends when the signal fires. */
export async function readTextFileOrPipe(option: string, path: string, signal: AbortSignal): Promise<string> {
  if (statSync(path, { throwIfNoEntry: false })?.isFIFO() !== true) return readTextFile(option, path)
  try {
    // Opened and read by a thread of Node's, it would keep the process from ending.
    const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    return await readTextStream(option, new Socket({ fd: descriptor, readable: true, writable: false }), signal)
  } catch (error) {
    throw unreadable(option, error)
  }
}

/** All of a stream, with the same bounds. */
export async function readTextStream(option: string, stream: Readable, signal: AbortSignal): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of addAbortSignal(signal, stream) as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > maxBytes) throw tooLarge(option)
    chunks.push(chunk)
  }
  return utf8(option, Buffer.concat(chunks))
}

/** A pipe's size is 0. */
function readAll(descriptor: number, option: string, size: number): Buffer {
  if (size > maxBytes) throw tooLarge(option)
  const chunks: Buffer[] = []
  for (let bytes = 0; ;) {
    const chunk = Buffer.allocUnsafe(1 << 16)
    const count = readSync(descriptor, chunk)
    if (count === 0) return Buffer.concat(chunks)
    bytes += count
    if (bytes > maxBytes) throw tooLarge(option)
    chunks.push(chunk.subarray(0, count))
  }
}

function utf8(option: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes)
  } catch {
    throw invalid(option, "is not UTF-8 text")
  }
}

function tooLarge(option: string): MayflyError {
  return invalid(option, `has more than ${maxBytes} bytes`)
}

function unreadable(option: string, error: unknown): unknown {
  if (error instanceof MayflyError || (error as Error).name === "AbortError") return error
  return invalid(option, `can't be read: ${(error as Error).message}`)
}
