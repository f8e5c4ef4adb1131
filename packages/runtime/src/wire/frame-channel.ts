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
  /** The same with bytes behind the parts. The channel takes the buffers over. */
  sendWith(buffers: readonly ArrayBuffer[], head: Head, ...parts: readonly string[]): void
  /** Writes what is queued now. */
  flush(): void
  /** Bytes that the other side has not taken yet. */
  readonly pendingBytes: number
  destroy(): void
}

/** The receiver owns the buffers. */
export type OnFrame = (head: Head, parts: readonly string[], buffers: readonly ArrayBuffer[]) => void

/** No honest frame is larger: outputs, code and inputs are bounded below this. A larger announcement is a broken or hostile peer. */
const maxFrameBytes = 1_280 << 20
const maxParts = 4_096
const maxBuffers = 4_096

/**
 * Frames over a byte stream: u32 length of the head, u16 number of parts, u16 number of buffers, u32 length of each, head as JSON, parts as UTF-8,
 * buffers as they are. Parts are not parsed here, so a process that only passes them on never touches guest data. `onBroken` is called once for
 * malformed input.
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
  #queue: Uint8Array[] = []
  #hasBuffers = false
  #isScheduled = false

  constructor(stream: Duplex) {
    this.#stream = stream
  }

  get pendingBytes(): number {
    return this.#stream.writableLength
  }

  send(head: Head, ...parts: readonly string[]): void {
    this.sendWith(noBuffers, head, ...parts)
  }

  sendWith(buffers: readonly ArrayBuffer[], head: Head, ...parts: readonly string[]): void {
    this.#queue.push(encodeFrame(JSON.stringify(head), parts, buffers))
    for (const buffer of buffers) if (buffer.byteLength > 0) this.#queue.push(new Uint8Array(buffer))
    if (buffers.length > 0) this.#hasBuffers = true
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => this.flush())
  }

  flush(): void {
    this.#isScheduled = false
    const queue = this.#queue
    if (queue.length === 0) return
    this.#queue = []
    const isWhole = this.#hasBuffers
    this.#hasBuffers = false
    if (this.#stream.destroyed) return
    if (isWhole) this.#writeEach(queue)
    else this.#stream.write(queue.length === 1 ? queue[0] : Buffer.concat(queue))
  }

  /** In one system call, but without joining them first: that would copy the buffers. */
  #writeEach(queue: readonly Uint8Array[]): void {
    this.#stream.cork()
    for (const bytes of queue) this.#stream.write(bytes)
    this.#stream.uncork()
  }

  destroy(): void {
    this.#queue = []
    this.#stream.destroy()
  }
}

const noBuffers: readonly ArrayBuffer[] = []

/** Everything but the buffers' bytes. */
function encodeFrame(head: string, parts: readonly string[], buffers: readonly ArrayBuffer[]): Buffer {
  if (parts.length > maxParts || buffers.length > maxBuffers) throw new RangeError("frame with too many parts")
  const lengths = parts.map((part) => Buffer.byteLength(part))
  const headLength = Buffer.byteLength(head)
  const fixed = 8 + 4 * (parts.length + buffers.length)
  const frame = Buffer.allocUnsafe(lengths.reduce((sum, length) => sum + length, fixed + headLength))
  frame.writeUInt32LE(headLength, 0)
  frame.writeUInt16LE(parts.length, 4)
  frame.writeUInt16LE(buffers.length, 6)
  let at = 8
  for (const length of lengths) at = frame.writeUInt32LE(length, at)
  for (const { byteLength } of buffers) at = frame.writeUInt32LE(byteLength, at)
  at += frame.write(head, at, "utf8")
  for (const part of parts) if (part !== "") at += frame.write(part, at, "utf8")
  return frame
}

class FrameReader {
  readonly #onFrame: OnFrame
  readonly #bytes = new ByteQueue()
  #needed = 8

  constructor(onFrame: OnFrame) {
    this.#onFrame = onFrame
  }

  feed(chunk: Buffer): void {
    this.#bytes.push(chunk)
    while (this.#bytes.length >= this.#needed) {
      const header = this.#header()
      if (header !== undefined) this.#deliver(header)
    }
  }

  /** The lengths of the next frame when all of it is here; otherwise sets how many bytes it needs. */
  #header(): Header | undefined {
    const count = countsOf(this.#bytes.peek(8))
    const fixed = 8 + 4 * (count.parts + count.buffers)
    if (this.#bytes.length < fixed) return void (this.#needed = fixed)
    const header = this.#bytes.peek(fixed)
    let size = fixed + header.readUInt32LE(0)
    for (let at = 8; at < fixed; at += 4) size += header.readUInt32LE(at)
    if (size > maxFrameBytes) throw new RangeError("frame too large")
    if (this.#bytes.length < size) return void (this.#needed = size)
    this.#needed = 8
    return { ...count, bytes: this.#bytes.take(fixed) }
  }

  #deliver({ parts, buffers, bytes }: Header): void {
    const head = parseHead(this.#text(bytes.readUInt32LE(0)))
    const texts: string[] = []
    for (let index = 0; index < parts; index++) texts.push(this.#text(bytes.readUInt32LE(8 + 4 * index)))
    const given: ArrayBuffer[] = []
    for (let index = parts; index < parts + buffers; index++)
      given.push(this.#bytes.takeBuffer(bytes.readUInt32LE(8 + 4 * index)))
    this.#onFrame(head, texts, given)
  }

  #text(length: number): string {
    return length === 0 ? "" : this.#bytes.take(length).toString("utf8")
  }
}

interface Header {
  readonly parts: number
  readonly buffers: number
  readonly bytes: Buffer
}

function countsOf(bytes: Buffer): { parts: number; buffers: number } {
  const parts = bytes.readUInt16LE(4)
  const buffers = bytes.readUInt16LE(6)
  if (parts > maxParts || buffers > maxBuffers) throw new RangeError("frame with too many parts")
  return { parts, buffers }
}

function parseHead(text: string): Head {
  const head = JSON.parse(text) as Head | null
  if (typeof head !== "object" || head === null || typeof head.t !== "string")
    throw new TypeError("frame without a kind")
  return head
}

const manyChunks = 4_096
const smallChunk = 1_024

/** Bytes as they came, taken from the front. What lies within one chunk is not copied; memory follows what came, not what was announced. */
class ByteQueue {
  #chunks: Buffer[] = []
  /** Where the first chunk's unread part begins. */
  #at = 0
  length = 0

  push(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.length += chunk.length
    // Of a peer that writes byte by byte, the objects would weigh far more than the bytes.
    if (this.#chunks.length % manyChunks === 0 && this.length < this.#chunks.length * smallChunk)
      this.#join(this.length)
  }

  /** The next bytes, left where they are. There must be as many. */
  peek(count: number): Buffer {
    const first = this.#chunks[0] as Buffer
    if (first.length - this.#at < count) this.#join(count)
    return (this.#chunks[0] as Buffer).subarray(this.#at, this.#at + count)
  }

  take(count: number): Buffer {
    const first = this.#chunks[0] as Buffer
    if (first.length - this.#at < count) return Buffer.from(this.takeBuffer(count))
    const bytes = first.subarray(this.#at, this.#at + count)
    this.#skip(count)
    return bytes
  }

  /** A copy that shares its memory with nothing else. */
  takeBuffer(count: number): ArrayBuffer {
    const bytes = new Uint8Array(count)
    for (let to = 0; to < count;) {
      const first = this.#chunks[0] as Buffer
      const part = first.subarray(this.#at, this.#at + count - to)
      bytes.set(part, to)
      to += part.length
      this.#skip(part.length)
    }
    return bytes.buffer
  }

  #skip(count: number): void {
    this.#at += count
    this.length -= count
    if (this.#at < (this.#chunks[0] as Buffer).length) return
    this.#chunks.shift()
    this.#at = 0
  }

  /** Makes the first `count` bytes one chunk. */
  #join(count: number): void {
    const bytes = Buffer.from(this.takeBuffer(count))
    if (this.#at > 0) this.#chunks[0] = (this.#chunks[0] as Buffer).subarray(this.#at)
    this.#at = 0
    this.#chunks.unshift(bytes)
    this.length += count
  }
}
