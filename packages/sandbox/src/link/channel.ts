import type { Readable, Writable } from "node:stream"
import { InboundStream, OutboundStream } from "./credit-streams.ts"
import { type FrameType, frameType } from "./frame.ts"

/** A message: a plain JSON object. What comes from the other side is checked where it is used. */
export type Message = Readonly<Record<string, unknown>>

/** Messages of one channel that a peer may send. Whatever has no bound of its own goes through a stream. */
const maxMessages = 4_096
const maxStreams = 4

export interface ChannelPort {
  /** False: the pipe is full. */
  send(type: FrameType, channel: number, payload: Uint8Array): boolean
  isBlocked(): boolean
}

/** One call between supervisor and agent: messages both ways, streams with back-pressure, one end. */
export class Channel {
  readonly id: number
  /** Called for each message of the peer. */
  onMessage: (message: Message) => void = () => {}
  /** The last message of the peer. Rejects when the link breaks first. */
  readonly closed: Promise<Message>
  readonly #port: ChannelPort
  readonly #inbound = new Map<number, InboundStream>()
  readonly #outbound = new Map<number, OutboundStream>()
  #settle: { resolve: (message: Message) => void; reject: (error: Error) => void }
  #messages = 0
  #isClosed = false

  constructor(id: number, port: ChannelPort) {
    this.id = id
    this.#port = port
    const { promise, resolve, reject } = Promise.withResolvers<Message>()
    this.closed = promise
    promise.catch(() => {})
    this.#settle = { resolve, reject }
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** The stream `index` that the peer sends. */
  readable(index: number): Readable {
    return this.#inboundOf(index).readable
  }

  /** The stream `index` to the peer. */
  writable(index: number): Writable {
    return this.#outboundOf(index).writable
  }

  send(message: Message): void {
    if (!this.#isClosed) this.#port.send(frameType.message, this.id, json(message))
  }

  /** Handles a frame of this channel. Throws when no honest peer would have sent it. */
  receive(type: number, payload: Buffer): void {
    switch (type) {
      case frameType.message:
        if (++this.#messages > maxMessages) throw new Error("too many messages")
        return this.onMessage(parseMessage(payload))
      case frameType.data:
        return this.#inboundOf(indexOf(payload)).push(payload.subarray(1))
      case frameType.end:
        return this.#inboundOf(indexOf(payload)).end()
      case frameType.credit:
        if (payload.length !== 5) throw new Error("a credit has the wrong size")
        return this.#outboundOf(indexOf(payload)).grant(payload.readUInt32LE(1))
      default:
        throw new Error(`frames of type ${type} are not known`)
    }
  }

  /** The peer has ended it. */
  finish(message: Message): void {
    this.#isClosed = true
    for (const stream of this.#inbound.values()) stream.end()
    for (const stream of this.#outbound.values()) stream.fail(new Error("the other side has ended the call"))
    this.#settle.resolve(message)
  }

  fail(error: Error): void {
    this.#isClosed = true
    for (const stream of [...this.#inbound.values(), ...this.#outbound.values()]) stream.fail(error)
    this.#settle.reject(error)
  }

  /** The pipe below takes more. */
  resume(): void {
    for (const stream of this.#outbound.values()) stream.resume()
  }

  #inboundOf(index: number): InboundStream {
    let stream = this.#inbound.get(index)
    if (stream === undefined) {
      stream = new InboundStream((bytes) => this.#grant(index, bytes))
      this.#inbound.set(index, stream)
      if (this.#isClosed) stream.end()
    }
    return stream
  }

  #grant(index: number, bytes: number): void {
    if (this.#isClosed) return
    const payload = Buffer.alloc(5)
    payload.writeUInt8(index, 0)
    payload.writeUInt32LE(bytes, 1)
    this.#port.send(frameType.credit, this.id, payload)
  }

  #outboundOf(index: number): OutboundStream {
    let stream = this.#outbound.get(index)
    if (stream === undefined) {
      const head = Buffer.of(index)
      stream = new OutboundStream({
        send: (piece) => {
          if (this.#isClosed) return true
          this.#port.send(frameType.data, this.id, Buffer.concat([head, piece]))
          return !this.#port.isBlocked()
        },
        end: () => {
          if (!this.#isClosed) this.#port.send(frameType.end, this.id, head)
        },
      })
      this.#outbound.set(index, stream)
      if (this.#isClosed) stream.fail(new Error("the call has ended"))
    }
    return stream
  }
}

function indexOf(payload: Buffer): number {
  const index = payload[0]
  if (index === undefined || index >= maxStreams) throw new Error("a stream that can't be was named")
  return index
}

export function json(message: Message): Buffer {
  return Buffer.from(JSON.stringify(message))
}

/** Throws for anything but a JSON object. */
export function parseMessage(payload: Buffer): Message {
  const parsed: unknown = JSON.parse(payload.toString("utf8"))
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) throw new Error("a message is no object")
  return parsed as Message
}
