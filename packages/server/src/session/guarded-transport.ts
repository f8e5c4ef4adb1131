import { jsonWeight, maxJsonWeight, MayflyError } from "@mayfly/protocol"
import type { WebSocket } from "ws"
import { publicError } from "../error-response.ts"
import { checkMessage, isAskedFor, type SessionMessage } from "./check-message.ts"
import type { HeldBytes } from "./held-bytes.ts"

export interface GuardOptions {
  /** What waits for the client counts here. */
  readonly held: HeldBytes
  /** Calls, results and streams that the client has not let go of. Default 10,000. */
  readonly maxOpen?: number
  /** From here on nothing more is read of a client that does not read. Default 16 MiB. */
  readonly maxWaitingBytes?: number
  /** How long it may read nothing at all then. Default 60 s. */
  readonly stallMs?: number
  /** What the client holds of us, and we of it. */
  readonly stats: () => { readonly imports: number; readonly exports: number }
}

/** Of an answer, or of a message of a stream, without its bytes. */
const overhead = 100
const lookEvery = 1_000
const maxUnsentBytes = 256 << 20
/** Functions of the client's that programs called, or hold. */
const maxImports = 100_000

/**
 * Carries the messages of a session, and bounds what its client makes us hold: what it does not let go of, what it does not read, and what it sends into
 * streams that nobody reads. A client that goes past a bound loses its connection.
 */
export class GuardedTransport {
  readonly encodingLevel = "jsonCompatible"
  readonly #socket: WebSocket
  readonly #options: GuardOptions
  readonly #waiting: SessionMessage[] = []
  /** By the number that the client gave it by sending it: what is held for it. */
  readonly #open = new Map<number, Disposable>()
  /** Of those, what is let go of with its answer. */
  readonly #streams = new Set<number>()
  #nextId = 1
  #sinceLook = 0
  #stall: NodeJS.Timeout | undefined
  #reader: PromiseWithResolvers<SessionMessage> | undefined
  #failure: Error | undefined

  constructor(socket: WebSocket, options: GuardOptions) {
    this.#socket = socket
    this.#options = options
    socket.on("message", (data, isBinary) => this.#receive(data as Buffer, isBinary))
    socket.once("close", (code) => this.#fail(new Error(`the client has gone away (${code})`)))
  }

  /** Gives how much it was. */
  send(message: unknown): number {
    const text = JSON.stringify(message)
    if (this.#failure !== undefined) return text.length
    try {
      const unsent = this.#answered(message as SessionMessage, text.length) ? undefined : this.#take(text.length)
      // Let go of before it was read, an answer counts no more.
      if (this.#socket.bufferedAmount > maxUnsentBytes) throw tooMuch("bytes that the client does not read are waiting")
      this.#socket.send(text, () => {
        unsent?.[Symbol.dispose]()
        this.#goOn()
      })
      if (this.#isFull()) this.#pause()
    } catch (error) {
      this.#cut(error)
    }
    return text.length
  }

  receive(): Promise<SessionMessage> {
    const next = this.#waiting.shift()
    if (next !== undefined) return Promise.resolve(next)
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    this.#reader = Promise.withResolvers<SessionMessage>()
    return this.#reader.promise
  }

  /** Called by Cap'n Web for what it does not understand. */
  abort(reason: unknown): void {
    this.#cut(reason)
  }

  #receive(data: Buffer, isBinary: boolean): void {
    if (this.#failure !== undefined) return
    try {
      if (isBinary) throw new MayflyError("input.invalid", "a session takes messages of text")
      const message = checkMessage(parse(data.toString("utf8")))
      this.#look()
      this.#opened(message, data.byteLength)
      this.#put(message)
      // Asked for at once, so that a result is sent, and counted, and not kept for a client that never asks.
      if (isAskedFor(message)) this.#put(["pull", this.#nextId - 1])
    } catch (error) {
      this.#cut(error)
    }
  }

  #put(message: SessionMessage): void {
    if (this.#reader === undefined) return void this.#waiting.push(message)
    this.#reader.resolve(message)
    this.#reader = undefined
  }

  #opened([kind, id]: SessionMessage, bytes: number): void {
    if (kind === "release") {
      this.#open.get(id as number)?.[Symbol.dispose]()
      this.#open.delete(id as number)
    }
    if (kind !== "push" && kind !== "pipe" && kind !== "stream") return
    if (this.#open.size >= (this.#options.maxOpen ?? 10_000)) throw tooMuch("calls and streams are open")
    if (kind === "stream") this.#streams.add(this.#nextId)
    this.#open.set(this.#nextId++, this.#take(overhead + (kind === "stream" ? bytes : 0)))
  }

  /** Whether it is an answer that counts until the client lets go of it. What went into a stream has been read now. */
  #answered([kind, id]: SessionMessage, bytes: number): boolean {
    if ((kind !== "resolve" && kind !== "reject") || typeof id !== "number") return false
    const known = this.#open.get(id)
    if (known === undefined) return false
    known[Symbol.dispose]()
    this.#open.delete(id)
    if (this.#streams.delete(id)) return false
    this.#open.set(id, this.#take(overhead + bytes))
    return true
  }

  #take(bytes: number): Disposable {
    return this.#options.held.take(bytes)
  }

  /** Also what is not numbered here: what the client was given in answers, and what it gave. */
  #look(): void {
    if (++this.#sinceLook < lookEvery) return
    this.#sinceLook = 0
    const { imports, exports } = this.#options.stats()
    if (imports > maxImports || exports > 2 * (this.#options.maxOpen ?? 10_000)) throw tooMuch("references are open")
  }

  #isFull(): boolean {
    return this.#socket.bufferedAmount > (this.#options.maxWaitingBytes ?? 16 << 20)
  }

  /** A client that reads nothing of what waits for it, for a while, is gone. We do not read from it, so it can't show that it is there. */
  #pause(): void {
    if (this.#stall !== undefined) return
    this.#socket.pause()
    let waiting = this.#socket.bufferedAmount
    this.#stall = setInterval(() => {
      if (this.#socket.bufferedAmount >= waiting) this.#socket.terminate()
      waiting = this.#socket.bufferedAmount
    }, this.#options.stallMs ?? 60_000).unref()
  }

  #goOn(): void {
    if (this.#stall === undefined || this.#isFull()) return
    clearInterval(this.#stall)
    this.#stall = undefined
    this.#socket.resume()
  }

  #cut(reason: unknown): void {
    this.#fail(reason instanceof Error ? reason : new Error("the session was cut"))
    // A reason is at most 123 bytes.
    this.#socket.close(
      1008,
      publicError(reason)
        .message.replaceAll(/[^\x20-\x7e]/g, "?")
        .slice(0, 120),
    )
    this.#socket.resume()
    // Whoever does not read will not read that either.
    if (this.#isFull()) this.#socket.terminate()
  }

  #fail(failure: Error): void {
    this.#failure ??= failure
    clearInterval(this.#stall)
    this.#reader?.reject(this.#failure)
    this.#reader = undefined
    for (const held of this.#open.values()) held[Symbol.dispose]()
    this.#open.clear()
  }
}

function parse(text: string): unknown {
  if (jsonWeight(text, maxJsonWeight) > maxJsonWeight) throw tooMuch("values in a message")
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new MayflyError("input.invalid", "the session took a message that is no JSON", { cause })
  }
}

function tooMuch(what: string): MayflyError {
  return new MayflyError("worker.queue-full", `too many ${what} in one session; let go of some`, { retry: false })
}
