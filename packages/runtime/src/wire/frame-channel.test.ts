import assert from "node:assert/strict"
import { Duplex } from "node:stream"
import { test } from "node:test"
import { frameChannel, type Head } from "./frame-channel.ts"

/** A stream whose written bytes are collected, and into which bytes can be pushed. */
class Pipe extends Duplex {
  written = Buffer.alloc(0)
  override _read(): void {}
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.written = Buffer.concat([this.written, chunk])
    done()
  }
}

interface Frame {
  readonly head: Head
  readonly parts: readonly string[]
  readonly buffers: readonly ArrayBuffer[]
}

interface Received {
  readonly frames: Frame[]
  readonly broken: string[]
}

function receive(chunks: readonly Buffer[]): Received {
  const pipe = new Pipe()
  const received: Received = { frames: [], broken: [] }
  frameChannel(
    pipe,
    (head, parts, buffers) => received.frames.push({ head, parts, buffers }),
    (reason) => received.broken.push(reason),
  )
  for (const chunk of chunks) pipe.emit("data", chunk)
  return received
}

function sent(...frames: readonly Frame[]): Buffer {
  const pipe = new Pipe()
  const channel = frameChannel(pipe, () => {})
  for (const { head, parts, buffers } of frames) channel.sendWith(buffers, head, ...parts)
  channel.flush()
  return pipe.written
}

const bytes = (length: number): ArrayBuffer => Uint8Array.from({ length }, (_, at) => at % 251).buffer

const frames: readonly Frame[] = [
  { head: { t: "a", n: 1 }, parts: [], buffers: [] },
  { head: { t: "b", text: "ü" }, parts: ["", "äöü €", "x".repeat(10_000)], buffers: [] },
  { head: { t: "bytes" }, parts: ["beside"], buffers: [bytes(0), bytes(20_000), bytes(3)] },
  { head: { t: "c" }, parts: ["last"], buffers: [bytes(1)] },
]

test("frameChannel carries heads and parts, however the bytes are cut", () => {
  const whole = sent(...frames)
  for (const size of [1, 2, 7, 8, 9, 64, 4_096, whole.length]) {
    const chunks: Buffer[] = []
    for (let at = 0; at < whole.length; at += size) chunks.push(whole.subarray(at, at + size))
    assert.deepEqual(receive(chunks), { frames, broken: [] }, `chunks of ${size}`)
  }
})

test("frameChannel breaks off at what no honest peer sends", () => {
  const tooManyParts = Buffer.alloc(8)
  tooManyParts.writeUInt16LE(5_000, 4)
  const tooManyBuffers = Buffer.alloc(8)
  tooManyBuffers.writeUInt16LE(5_000, 6)
  const hugeBuffer = Buffer.alloc(12)
  hugeBuffer.writeUInt16LE(1, 6)
  hugeBuffer.writeUInt32LE(0xffffffff, 8)
  const tooLarge = Buffer.alloc(12)
  tooLarge.writeUInt32LE(1, 4)
  tooLarge.writeUInt32LE(0xffffffff, 8)
  const notJson = Buffer.alloc(10, "x")
  notJson.writeUInt32LE(2, 0)
  notJson.writeUInt32LE(0, 4)
  assert.deepEqual(receive([tooManyParts, sent(...frames)]), { frames: [], broken: ["frame with too many parts"] })
  assert.deepEqual(receive([tooManyBuffers, sent(...frames)]), { frames: [], broken: ["frame with too many parts"] })
  assert.deepEqual(receive([hugeBuffer]), { frames: [], broken: ["frame too large"] })
  assert.deepEqual(receive([tooLarge]), { frames: [], broken: ["frame too large"] })
  assert.equal(receive([notJson]).broken.length, 1)
})

test("frameChannel keeps announced bytes waiting without memory for them", () => {
  const announced = Buffer.alloc(8 + 4 + 12)
  announced.writeUInt32LE(12, 0)
  announced.writeUInt16LE(1, 6)
  announced.writeUInt32LE(1_000 << 20, 8)
  announced.write('{"t":"huge"}', 12)
  const before = process.memoryUsage().arrayBuffers
  const received = receive([announced, Buffer.alloc(100)])
  assert.deepEqual(received, { frames: [], broken: [] })
  assert.ok(process.memoryUsage().arrayBuffers - before < 10 << 20, "only what came takes room")
})

test("frameChannel gives each buffer memory of its own", () => {
  const [first, second] = receive([sent(...frames, ...frames)]).frames[2]?.buffers.slice(1) ?? []
  assert.deepEqual([first?.byteLength, second?.byteLength], [20_000, 3])
  assert.notEqual(first, second)
})
