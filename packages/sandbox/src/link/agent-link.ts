import type { Duplex } from "node:stream"
import { Channel, json, type Message, parseMessage } from "./channel.ts"
import { encodeFrame, type Frame, FrameReader, frameType } from "./frame.ts"

/** A call of the supervisor's, seen from inside the sandbox. */
export class AgentCall {
  readonly channel: Channel
  /** What is asked; replaced by what is allowed of it. */
  operation: Message
  /** Called once when the supervisor wants no more of it. */
  onCancel: () => void = () => {}
  readonly #close: (message: Message) => void
  #isDone = false

  constructor(channel: Channel, operation: Message, close: (message: Message) => void) {
    this.channel = channel
    this.operation = operation
    this.#close = close
  }

  get isDone(): boolean {
    return this.#isDone
  }

  /** Ends it with a result. */
  ok(result: unknown): void {
    this.#end({ ok: result ?? null })
  }

  /** Ends it with an error, as Node's file and process functions give them. */
  fail(error: unknown): void {
    const { code, message } = error as { code?: unknown; message?: unknown }
    this.#end({ error: { code: typeof code === "string" ? code : "EAGENT", message: String(message).slice(0, 2_000) } })
  }

  #end(message: Message): void {
    if (this.#isDone) return
    this.#isDone = true
    this.#close(message)
  }
}

/** The agent's end. It trusts the supervisor: what it can't read ends the sandbox. */
export class AgentLink {
  readonly #stream: Duplex
  readonly #calls = new Map<number, AgentCall>()
  readonly #onCall: (call: AgentCall) => void

  constructor(stream: Duplex, onCall: (call: AgentCall) => void) {
    this.#stream = stream
    this.#onCall = onCall
    const reader = new FrameReader((frame) => this.#receive(frame))
    stream.on("data", (chunk: Buffer) => reader.feed(chunk))
    stream.on("drain", () => {
      for (const call of this.#calls.values()) call.channel.resume()
    })
  }

  #receive({ type, channel: id, payload }: Frame): void {
    if (type === frameType.open) return this.#open(id, parseMessage(payload))
    const call = this.#calls.get(id)
    // The call may have ended while this was under way.
    if (call === undefined) return
    if (type === frameType.cancel) call.onCancel()
    else call.channel.receive(type, payload)
  }

  #open(id: number, operation: Message): void {
    const channel = new Channel(id, {
      send: (type, to, payload) => this.#stream.write(encodeFrame(type, to, payload)),
      isBlocked: () => this.#stream.writableNeedDrain,
    })
    const call = new AgentCall(channel, operation, (message) => this.#close(channel, message))
    this.#calls.set(id, call)
    this.#onCall(call)
  }

  #close(channel: Channel, message: Message): void {
    this.#calls.delete(channel.id)
    this.#stream.write(encodeFrame(frameType.close, channel.id, json(message)))
    channel.finish({})
  }
}
