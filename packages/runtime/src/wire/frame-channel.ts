import { Socket } from "node:net"
import type { Duplex } from "node:stream"

/** The small part of a message: plain JSON. `t` names its kind. */
export interface Head {
  readonly t: string
  readonly [field: string]: unknown
}

export interface FrameChannel {
  /** Queues a frame; frames of one turn of the event loop are written together. Parts are opaque text for the final consumer. */
  send(head: Head, ...parts: readonly string[]): void
  /** Writes what is queued now. */
  flush(): void
  /** Bytes that the other side has not taken yet. */
  readonly pendingBytes: number
  destroy(): void
}

export type OnFrame = (head: Head, parts: readonly string[]) => void

/** No honest frame is larger: outputs, code and inputs are bounded below this. A larger announcement is a broken or hostile peer. */
const maxFrameBytes = 1_280 << 20
const maxParts = 4_096

/**
 * Frames over a byte stream: u32 length of the head, u32 number of parts, u32 length of each part, head as JSON, parts as UTF-8.
 * Parts are not parsed here, so a process that only passes them on never touches guest data. `onBroken` is called once for malformed input.
 */
export function frameChannel(
  stream: Duplex,
  onFrame: OnFrame,
  onBroken: (reason: string) => void = () => {},
): FrameChannel {
  const reader = new FrameReader(onFrame)
  stream.on("data", (chunk: Buffer) => {
    try {
      reader.feed(chunk)
    } catch (error) {
      stream.removeAllListeners("data")
      onBroken((error as Error).message)
    }
  })
  return new StreamChannel(stream)
}

/** The channel of a child process on an inherited descriptor. The process dies with its parent, whatever it is doing. */
export function channelOnFd(fd: number, onFrame: OnFrame): FrameChannel {
  const socket = new Socket({ fd, readable: true, writable: true })
  const die = (): boolean => process.kill(process.pid, "SIGKILL")
  socket.on("close", die)
  socket.on("error", die)
  return frameChannel(socket, onFrame, die)
}

class StreamChannel implements FrameChannel {
  readonly #stream: Duplex
  #queue: Buffer[] = []
  #isScheduled = false

  constructor(stream: Duplex) {
    this.#stream = stream
  }

  get pendingBytes(): number {
    return this.#stream.writableLength
  }

  send(head: Head, ...parts: readonly string[]): void {
    this.#queue.push(encodeFrame(JSON.stringify(head), parts))
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => this.flush())
  }

  flush(): void {
    this.#isScheduled = false
    if (this.#queue.length === 0) return
    const bytes = this.#queue.length === 1 ? (this.#queue[0] as Buffer) : Buffer.concat(this.#queue)
    this.#queue = []
    if (!this.#stream.destroyed) this.#stream.write(bytes)
  }

  destroy(): void {
    this.#queue = []
    this.#stream.destroy()
  }
}

function encodeFrame(head: string, parts: readonly string[]): Buffer {
  const lengths = parts.map((part) => Buffer.byteLength(part))
  const headLength = Buffer.byteLength(head)
  const fixed = 8 + 4 * parts.length
  const frame = Buffer.allocUnsafe(lengths.reduce((sum, length) => sum + length, fixed + headLength))
  frame.writeUInt32LE(headLength, 0)
  frame.writeUInt32LE(parts.length, 4)
  lengths.forEach((length, index) => frame.writeUInt32LE(length, 8 + 4 * index))
  let at = fixed + frame.write(head, fixed, "utf8")
  parts.forEach((part, index) => {
    if (part !== "") frame.write(part, at, "utf8")
    at += lengths[index] ?? 0
  })
  return frame
}

class FrameReader {
  readonly #onFrame: OnFrame
  #chunks: Buffer[] = []
  #length = 0
  #needed = 8

  constructor(onFrame: OnFrame) {
    this.#onFrame = onFrame
  }

  /** Chunks are joined only when a frame is complete: a large frame is copied once, not once per chunk. */
  feed(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#length += chunk.length
    while (this.#length >= this.#needed) {
      const bytes = this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks, this.#length)
      const used = this.#readFrames(bytes)
      const rest = bytes.subarray(used)
      this.#chunks = rest.length === 0 ? [] : [rest]
      this.#length = rest.length
      if (used === 0) return
    }
  }

  /** Reads all complete frames and sets how many bytes the next one needs. */
  #readFrames(bytes: Buffer): number {
    let at = 0
    for (;;) {
      const size = frameSize(bytes, at)
      this.#needed = size ?? headerSize(bytes, at)
      if (size === undefined || bytes.length - at < size) return at
      this.#deliver(bytes, at)
      at += size
    }
  }

  #deliver(bytes: Buffer, start: number): void {
    const headLength = bytes.readUInt32LE(start)
    const count = bytes.readUInt32LE(start + 4)
    let at = start + 8 + 4 * count
    const head = parseHead(bytes.toString("utf8", at, at + headLength))
    at += headLength
    const parts: string[] = []
    for (let index = 0; index < count; index++) {
      const length = bytes.readUInt32LE(start + 8 + 4 * index)
      parts.push(bytes.toString("utf8", at, at + length))
      at += length
    }
    this.#onFrame(head, parts)
  }
}

function parseHead(text: string): Head {
  const head = JSON.parse(text) as Head | null
  if (typeof head !== "object" || head === null || typeof head.t !== "string")
    throw new TypeError("frame without a kind")
  return head
}

function headerSize(bytes: Buffer, at: number): number {
  if (bytes.length - at < 8) return 8
  return 8 + 4 * partCount(bytes, at)
}

function partCount(bytes: Buffer, at: number): number {
  const count = bytes.readUInt32LE(at + 4)
  if (count > maxParts) throw new RangeError("frame with too many parts")
  return count
}

/** The whole size of the frame at `at`, or undefined when its header is not complete yet. */
function frameSize(bytes: Buffer, at: number): number | undefined {
  if (bytes.length - at < 8) return undefined
  const count = partCount(bytes, at)
  const fixed = 8 + 4 * count
  if (bytes.length - at < fixed) return undefined
  let size = fixed + bytes.readUInt32LE(at)
  for (let index = 0; index < count; index++) size += bytes.readUInt32LE(at + 8 + 4 * index)
  if (size > maxFrameBytes) throw new RangeError("frame too large")
  return size
}
