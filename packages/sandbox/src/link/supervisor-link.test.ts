import assert from "node:assert/strict"
import { Duplex } from "node:stream"
import { test } from "node:test"
import { MayflyError } from "@mayfly/protocol"
import { encodeFrame, type FrameType, frameType, maxFrameBytes } from "./frame.ts"
import { streamWindow } from "./credit-streams.ts"
import { SupervisorLink } from "./supervisor-link.ts"

interface Fake {
  readonly link: SupervisorLink
  readonly reasons: string[]
  /** What the agent says. */
  say(bytes: Uint8Array): void
}

/** A link whose other end says what the test wants. */
function fakeAgent(): Fake {
  const reasons: string[] = []
  const stream = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() })
  const link = new SupervisorLink(stream, (reason) => {
    reasons.push(reason)
    link.fail(new MayflyError("sandbox.crashed", reason))
  })
  return { link, reasons, say: (bytes) => void stream.push(bytes) }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const text = (value: string): Buffer => Buffer.from(value)
const frame = (type: FrameType, channel: number, payload: string | Uint8Array): Buffer =>
  encodeFrame(type, channel, typeof payload === "string" ? text(payload) : payload)
const announced = (bytes: number): Buffer => {
  const head = Buffer.alloc(4)
  head.writeUInt32LE(bytes)
  return head
}

const lies: readonly [string, readonly Buffer[], RegExp][] = [
  ["a frame larger than any may be", [announced(maxFrameBytes + 1)], /a frame of \d+ bytes/],
  ["a frame smaller than its head", [announced(2)], /a frame of 2 bytes/],
  ["a call that is not under way", [frame(frameType.message, 99, "{}")], /not under way/],
  ["a second end of a call", [frame(frameType.close, 1, "{}"), frame(frameType.close, 1, "{}")], /not under way/],
  ["a call of its own", [frame(frameType.open, 1, "{}")], /type 0/],
  ["an unknown type", [frame(77 as FrameType, 1, "")], /type 77/],
  ["a message that is no JSON", [frame(frameType.message, 1, "{")], /JSON/],
  ["a message that is no object", [frame(frameType.close, 1, "[]")], /no object/],
  ["a stream that can't be", [frame(frameType.data, 1, Buffer.of(200, 1))], /can't be/],
  ["data without a stream", [frame(frameType.data, 1, "")], /can't be/],
  ["a credit for nothing", [frame(frameType.credit, 1, Buffer.of(0, 0, 0, 0, 0))], /impossible credit/],
  ["a credit past the window", [frame(frameType.credit, 1, Buffer.of(0, 255, 255, 255, 255))], /impossible credit/],
  ["a credit of the wrong size", [frame(frameType.credit, 1, Buffer.of(0, 1))], /wrong size/],
  [
    "data after its end",
    [frame(frameType.end, 1, Buffer.of(1)), frame(frameType.data, 1, Buffer.of(1, 1))],
    /after the end/,
  ],
  [
    "more messages than a call may have",
    Array.from({ length: 5_000 }, () => frame(frameType.message, 1, "{}")),
    /too many/,
  ],
]

for (const [name, frames, reason] of lies) {
  test(`${name} ends the link and every call`, async () => {
    const { link, reasons, say } = fakeAgent()
    const channel = link.open({ op: "x" })
    const other = link.open({ op: "y" })
    for (const bytes of frames) say(bytes)
    await assert.rejects(other.closed, { code: "sandbox.crashed" })
    assert.equal(reasons.length, 1)
    assert.match(reasons[0] ?? "", reason)
    assert.throws(() => link.open({ op: "z" }), { code: "sandbox.crashed" })
    await channel.closed.catch(() => {})
    say(frame(frameType.message, 2, "{}"))
    await turn()
    assert.equal(reasons.length, 1)
  })
}

test("data that nobody reads is bounded: more than was granted ends the link", async () => {
  const { link, reasons, say } = fakeAgent()
  const channel = link.open({ op: "x" })
  const piece = Buffer.alloc(64 * 1_024 + 1, 1)
  for (let sent = 0; sent < streamWindow; sent += piece.length - 1) say(frame(frameType.data, channel.id, piece))
  await turn()
  assert.deepEqual(reasons, [])
  say(frame(frameType.data, channel.id, Buffer.of(1, 1)))
  await assert.rejects(channel.closed, { code: "sandbox.crashed" })
  assert.match(reasons[0] ?? "", /more data came than was granted/)
})

test("an agent that does not end a call at its time is given up", async () => {
  const { link, reasons } = fakeAgent()
  const alive = setInterval(() => {}, 1_000)
  const [ended, held] = [link.open({ op: "x" }), link.open({ op: "y" })]
  link.expectEnd(held, 20)
  await assert.rejects(held.closed, { code: "sandbox.crashed" })
  await assert.rejects(ended.closed, { code: "sandbox.crashed" })
  assert.deepEqual(reasons, ["the agent did not end a call at its time"])
  clearInterval(alive)
})

test("an agent that ends its calls in time is kept", async () => {
  const { link, reasons, say } = fakeAgent()
  const channel = link.open({ op: "x" })
  link.expectEnd(channel, 20)
  say(frame(frameType.close, channel.id, "{}"))
  await channel.closed
  await new Promise((resolve) => setTimeout(resolve, 60))
  assert.deepEqual(reasons, [])
})

test("calls under way are bounded", () => {
  const { link } = fakeAgent()
  for (let count = 0; count < 1_000; count++) link.open({ op: "x" })
  assert.throws(() => link.open({ op: "x" }), { code: "sandbox.limit" })
  assert.throws(() => fakeAgent().link.open({ op: "x".repeat(300_000) }), { code: "input.invalid" })
})

test("frames cut anywhere are put together", async () => {
  const { link, say } = fakeAgent()
  const channel = link.open({ op: "x" })
  const bytes = Buffer.concat([
    frame(frameType.message, 1, '{"a":1}'),
    frame(frameType.data, 1, Buffer.of(1, 65, 66)),
    frame(frameType.close, 1, '{"ok":2}'),
  ])
  const messages: unknown[] = []
  channel.onMessage = (message) => void messages.push(message)
  for (const byte of bytes) say(Buffer.of(byte))
  assert.deepEqual(await channel.closed, { ok: 2 })
  assert.deepEqual(messages, [{ a: 1 }])
  assert.equal((await channel.readable(1).toArray()).join(), "AB")
})
