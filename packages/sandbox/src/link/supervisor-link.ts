import type { Duplex } from "node:stream"
import { MayflyError } from "@mayfly/protocol"
import { Channel, json, type Message, parseMessage } from "./channel.ts"
import { type Frame, FrameReader, frameType, type FrameType } from "./frame.ts"

const maxChannels = 1_000
const maxOpenBytes = 200 * 1_024
const cancelMs = 60_000
const maxTimerMs = 2_147_483_647

/** The supervisor's end. All that the agent says is untrusted: whatever no honest agent would say breaks the link. */
export class SupervisorLink {
  readonly #stream: Duplex
  readonly #channels = new Map<number, Channel>()
  readonly #onBroken: (reason: string) => void
  #nextId = 1
  #broken: Error | undefined

  /** `onBroken` is called once, for a lie or for the end of the stream. Its owner then finds out why, and calls `fail`. */
  constructor(stream: Duplex, onBroken: (reason: string) => void) {
    this.#stream = stream
    this.#onBroken = onBroken
    const reader = new FrameReader((frame) => this.#receive(frame))
    stream.on("data", (chunk: Buffer) => {
      if (this.#broken !== undefined) return
      try {
        reader.feed(chunk)
      } catch (error) {
        this.#break(`the agent broke the protocol: ${(error as Error).message}`)
      }
    })
    stream.on("drain", () => {
      for (const channel of this.#channels.values()) channel.resume()
    })
    stream.on("error", (error) => this.#break(error.message))
    stream.on("close", () => this.#break("the agent is gone"))
  }

  get openChannels(): number {
    return this.#channels.size
  }

  /** Starts a call. Throws `sandbox.limit` when too many are under way, and what broke the link if something did. */
  open(operation: Message): Channel {
    if (this.#broken !== undefined) throw this.#broken
    if (this.#channels.size >= maxChannels)
      throw new MayflyError("sandbox.limit", `more than ${maxChannels} calls are under way in this sandbox`)
    const payload = json(operation)
    if (payload.length > maxOpenBytes)
      throw new MayflyError("input.invalid", `a command and its environment may have ${maxOpenBytes} bytes together`)
    const channel = new Channel(this.#nextId++, {
      send: (type, id, bytes) => this.#send(type, id, bytes),
      isBlocked: () => this.#stream.writableNeedDrain,
    })
    this.#channels.set(channel.id, channel)
    this.#send(frameType.open, channel.id, payload)
    return channel
  }

  /** An agent that has not ended this call by then is no honest one: the link breaks. */
  expectEnd(channel: Channel, withinMs: number): void {
    const late = (): void => {
      if (this.#channels.get(channel.id) === channel) this.#break("the agent did not end a call at its time")
    }
    const timer = setTimeout(late, Math.min(withinMs, maxTimerMs)).unref()
    const done = (): void => clearTimeout(timer)
    channel.closed.then(done, done)
  }

  /** Asks the agent to end a call. It stays known until the agent says that it has. */
  cancel(channel: Channel): void {
    if (this.#channels.has(channel.id)) {
      this.#send(frameType.cancel, channel.id, Buffer.alloc(0))
      this.expectEnd(channel, cancelMs)
    }
    // Nobody reads it any more: what still comes must not hold up the agent.
    for (const index of [1, 2, 3]) channel.readable(index).resume()
  }

  /** Ends all calls with this error. Calling twice is safe. */
  fail(error: Error): void {
    this.#broken = error
    for (const channel of this.#channels.values()) channel.fail(error)
    this.#channels.clear()
    this.#stream.destroy()
  }

  #receive({ type, channel: id, payload }: Frame): void {
    const channel = this.#channels.get(id)
    if (channel === undefined) throw new Error("a frame for a call that is not under way")
    if (type !== frameType.close) return channel.receive(type, payload)
    const message = parseMessage(payload)
    this.#channels.delete(id)
    channel.finish(message)
  }

  #send(type: FrameType, channel: number, payload: Uint8Array): boolean {
    if (this.#broken !== undefined) return false
    return writeFrame(this.#stream, type, channel, payload)
  }

  #break(reason: string): void {
    if (this.#broken !== undefined) return
    this.#broken = new MayflyError("sandbox.crashed", `the sandbox has ended: ${reason}`)
    this.#onBroken(reason)
  }
}

function writeFrame(stream: Duplex, type: FrameType, channel: number, payload: Uint8Array): boolean {
  const head = Buffer.allocUnsafe(9)
  head.writeUInt32LE(5 + payload.length, 0)
  head.writeUInt8(type, 4)
  head.writeUInt32LE(channel, 5)
  stream.cork()
  stream.write(head)
  const isFree = stream.write(payload)
  process.nextTick(() => stream.uncork())
  return isFree
}
