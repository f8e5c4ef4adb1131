import { sessionClosed } from "../bridge/session-closed.ts"
import type { Session } from "../bridge/session.ts"
import { type Closing, maxMessageBytes, type SocketBatch, SocketEnd, type SocketMessage } from "./socket-end.ts"

/** Open sockets that one side may make the other hold. */
const maxSockets = 256
const socketCounts = new WeakMap<Session, number>()

/** A batch as it travels: messages, then code, reason and whether it broke. */
type WireBatch = readonly [messages: readonly unknown[], code?: unknown, reason?: unknown, isBroken?: unknown]

/** What the other side may call: it takes what arrives at our end, and says once where its own is. */
export class SocketSource {
  readonly #session: Session
  readonly #end: SocketEnd
  readonly #finished: () => void
  readonly #id: number
  /** The directions that are still open. */
  #open = 2
  #isCarried = false

  /** `finished` is called once, when both directions are closed. */
  constructor(session: Session, end: SocketEnd, finished: () => void = () => {}) {
    this.#session = session
    this.#end = end
    this.#finished = finished
    this.#id = session.exportTarget(this)
    count(session, 1)
  }

  get id(): number {
    return this.#id
  }

  async pull(): Promise<WireBatch> {
    const { messages, closing } = await this.#end.receive()
    if (closing === undefined) return [messages]
    this.#directionEnds()
    const { code, reason, error } = closing
    return [messages, code, reason, error !== undefined]
  }

  /** `far` is the other side's source. */
  open(far: unknown): void {
    if (this.#isCarried || typeof far !== "number") return
    this.#isCarried = true
    void this.carry(far)
  }

  /** Brings here what arrives over there, no faster than it is taken. */
  async carry(far: number): Promise<void> {
    this.#isCarried = true
    try {
      await pump(this.#session, far, this.#end)
      this.#directionEnds()
    } catch (error) {
      this[sessionClosed](error as Error)
    }
  }

  /** Nothing comes from there any more, and nothing is taken. */
  [sessionClosed](error: Error): void {
    this.#end.fail({ code: 1006, reason: error.message.slice(0, maxReason), error })
    this.#directionEnds()
    this.#directionEnds()
  }

  #directionEnds(): void {
    if (this.#open === 0 || --this.#open > 0) return
    count(this.#session, -1)
    this.#session.onRelease(this.#id, 1)
    this.#finished()
  }
}

async function pump(session: Session, far: number, end: SocketEnd): Promise<void> {
  for (;;) {
    const { messages, closing } = parseBatch(await session.call(far, "pull", []))
    for (const message of messages) if (end.send(message) !== undefined) throw new RangeError("a message is too large")
    if (closing !== undefined) return closing.error === undefined ? end.close(closing) : end.fail(closing)
    await end.room()
  }
}

/** Gives the other side an end of ours; the result stands for it on the wire. Throws when too many are open. */
export function exportSocket(session: Session, end: SocketEnd, finished?: () => void): number {
  checkCount(session)
  return new SocketSource(session, end, finished).id
}

/** The other side's end, here. */
export function importSocket(session: Session, far: number): SocketEnd {
  checkCount(session)
  const [near, end] = SocketEnd.pair()
  const source = new SocketSource(session, end)
  session.call(far, "open", [source.id]).catch(() => {})
  void source.carry(far)
  return near
}

function checkCount(session: Session): void {
  if ((socketCounts.get(session) ?? 0) >= maxSockets)
    throw new RangeError(`too many WebSockets are open at once: close some, there may be ${maxSockets}`)
}

function count(session: Session, by: number): void {
  socketCounts.set(session, (socketCounts.get(session) ?? 0) + by)
}

const maxReason = 123

/** The other side may be hostile. */
function parseBatch(value: unknown): SocketBatch {
  if (!Array.isArray(value) || !Array.isArray(value[0])) throw new TypeError("malformed WebSocket messages")
  const [messages, code, reason, isBroken] = value as unknown as WireBatch
  for (const message of messages) if (!isMessage(message)) throw new TypeError("malformed WebSocket message")
  const batch = { messages: messages as readonly SocketMessage[] }
  return code === undefined ? batch : { ...batch, closing: parseClosing(code, reason, isBroken) }
}

function parseClosing(code: unknown, reason: unknown, isBroken: unknown): Closing {
  const isValid = typeof code === "number" && Number.isInteger(code) && code >= 1000 && code < 5000
  const text = typeof reason === "string" ? reason.slice(0, maxReason) : ""
  const closing = { code: isValid ? code : 1006, reason: text }
  return isBroken === true || !isValid ? { ...closing, error: new Error(text || "the connection broke") } : closing
}

function isMessage(value: unknown): boolean {
  if (typeof value === "string") return value.length <= maxMessageBytes
  return value instanceof Uint8Array && value.byteLength <= maxMessageBytes
}
