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

interface Received {
  readonly frames: { head: Head; parts: readonly string[] }[]
  readonly broken: string[]
}

function receive(chunks: readonly Buffer[]): Received {
  const pipe = new Pipe()
  const received: Received = { frames: [], broken: [] }
  frameChannel(
    pipe,
    (head, parts) => received.frames.push({ head, parts }),
    (reason) => received.broken.push(reason),
  )
  for (const chunk of chunks) pipe.emit("data", chunk)
  return received
}

function sent(...frames: { head: Head; parts: string[] }[]): Buffer {
  const pipe = new Pipe()
  const channel = frameChannel(pipe, () => {})
  for (const { head, parts } of frames) channel.send(head, ...parts)
  channel.flush()
  return pipe.written
}

const frames = [
  { head: { t: "a", n: 1 }, parts: [] },
  { head: { t: "b", text: "ü" }, parts: ["", "äöü €", "x".repeat(10_000)] },
  { head: { t: "c" }, parts: ["last"] },
]

test("frameChannel carries heads and parts, however the bytes are cut", () => {
  const bytes = sent(...frames)
  for (const size of [1, 2, 7, 8, 9, 64, 4_096, bytes.length]) {
    const chunks: Buffer[] = []
    for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size))
    assert.deepEqual(receive(chunks), { frames, broken: [] }, `chunks of ${size}`)
  }
})

test("frameChannel breaks off at what no honest peer sends", () => {
  const tooManyParts = Buffer.alloc(8)
  tooManyParts.writeUInt32LE(5_000, 4)
  const tooLarge = Buffer.alloc(12)
  tooLarge.writeUInt32LE(1, 4)
  tooLarge.writeUInt32LE(0xffffffff, 8)
  const notJson = Buffer.alloc(10, "x")
  notJson.writeUInt32LE(2, 0)
  notJson.writeUInt32LE(0, 4)
  assert.deepEqual(receive([tooManyParts, sent(...frames)]), { frames: [], broken: ["frame with too many parts"] })
  assert.deepEqual(receive([tooLarge]), { frames: [], broken: ["frame too large"] })
  assert.equal(receive([notJson]).broken.length, 1)
})
