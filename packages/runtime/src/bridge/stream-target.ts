import type { Session } from "./session.ts"

/** The parts of the Streams standard that both realms share. */
export interface ReadableLike {
  getReader(): {
    read(): Promise<{ readonly done: boolean; readonly value?: unknown }>
    cancel(reason?: unknown): Promise<void>
  }
}

export interface WritableLike {
  getWriter(): { write(chunk: unknown): Promise<void>; close(): Promise<void>; abort(reason?: unknown): Promise<void> }
}

export interface ReadableClass {
  new (
    source: {
      pull(controller: { enqueue(chunk: unknown): void; close(): void }): Promise<void>
      cancel(reason: unknown): Promise<void>
    },
    strategy?: { highWaterMark: number },
  ): ReadableLike
}

export interface WritableClass {
  new (
    sink: { write(chunk: unknown): Promise<void>; close(): Promise<void>; abort(reason: unknown): Promise<void> },
    strategy?: { highWaterMark: number },
  ): WritableLike
}

/** What pulling gives: chunks that were there, and whether the stream is over. */
interface Pulled {
  readonly chunks: readonly unknown[]
  readonly done: boolean
}

/** One pull carries no more than this and one chunk, so that neither side holds much of a stream. */
const maxBatchBytes = 1 << 20
const maxBatchChunks = 64

/** A stream that the other side reads, chunk by chunk as it asks: back-pressure is the asking. Locks the stream. */
export class ReadableTarget {
  readonly #reader: ReturnType<ReadableLike["getReader"]>
  readonly #finished: () => void
  /** A read that was begun and is not answered yet. */
  #next: Promise<{ readonly done: boolean; readonly value?: unknown }> | undefined
  #last: Promise<void> = Promise.resolve()

  /** `finished` is called when the stream was read to its end, failed, or was cancelled. */
  constructor(stream: ReadableLike, finished: () => void = () => {}) {
    this.#reader = stream.getReader()
    this.#finished = finished
  }

  /** The reader may ask again before it has its answer: pulls are performed one after the other. */
  pull(maxBytes?: unknown): Promise<Pulled> {
    const most = typeof maxBytes === "number" && maxBytes < maxBatchBytes ? maxBytes : maxBatchBytes
    const pulled = this.#last.then(() => this.#pull(most))
    this.#last = pulled.then(nothing, this.#finished)
    return pulled
  }

  async #pull(maxBytes: number): Promise<Pulled> {
    const chunks: unknown[] = []
    let bytes = 0
    let { done, value } = await this.#read()
    while (!done) {
      chunks[chunks.length] = exact(value)
      bytes += sizeOf(value)
      if (bytes >= maxBytes || chunks.length >= maxBatchChunks) return { chunks, done: false }
      const more = await this.#readNow()
      if (more === undefined) return { chunks, done: false }
      ;({ done, value } = more)
    }
    this.#finished()
    return { chunks, done: true }
  }

  #read(): Promise<{ readonly done: boolean; readonly value?: unknown }> {
    const next = this.#next ?? this.#reader.read()
    this.#next = undefined
    return next
  }

  /** What is there already. A read that has to wait is kept for the next pull. */
  async #readNow(): Promise<{ readonly done: boolean; readonly value?: unknown } | undefined> {
    const read = this.#read()
    this.#next = read
    // A few turns of the microtask queue: chunks that were enqueued before arrive within them.
    const result = await Promise.race([read, microtasks(4)])
    if (result !== undefined) this.#next = undefined
    return result
  }

  async cancel(reason: unknown): Promise<void> {
    this.#finished()
    await this.#reader.cancel(reason)
  }
}

function nothing(): void {}

async function microtasks(count: number): Promise<undefined> {
  for (let turn = 0; turn < count; turn++) await Promise.resolve()
  return undefined
}

/** A chunk is often a piece of a larger buffer, and only the piece is meant. */
function exact(chunk: unknown): unknown {
  const isPiece = chunk instanceof Uint8Array && chunk.byteLength < chunk.buffer.byteLength
  return isPiece ? new Uint8Array(chunk) : chunk
}

function sizeOf(chunk: unknown): number {
  return ArrayBuffer.isView(chunk) ? chunk.byteLength : typeof chunk === "string" ? chunk.length : 64
}

/** The other side's readable stream, here. Nothing is asked for before somebody reads; from then on the next batches are under way ahead of the reader. */
export function readableFrom(session: Session, id: number, Readable: ReadableClass): ReadableLike {
  const batches = new Batches(session, id)
  return new Readable(
    {
      async pull(controller) {
        const { chunks, done } = await batches.next()
        for (let at = 0; at < chunks.length; at++) controller.enqueue(chunks[at])
        if (!done) return
        controller.close()
        session.drop(id)
      },
      async cancel(reason) {
        batches.stop()
        await session.call(id, "cancel", [transferable(reason)])
        session.drop(id)
      },
    },
    { highWaterMark: 0 },
  )
}

/** A stream of chunks that are larger than this is not read ahead. */
const maxBytesAhead = 2 * maxBatchBytes

function bytesOf({ chunks }: Pulled): number {
  return chunks.reduce<number>((sum, chunk) => sum + sizeOf(chunk), 0)
}

/** Batches of one stream that are under way ahead of its reader: one is on its way here while the other side makes the next. */
const batchesAhead = 2

/** Pulls of one stream, further ones begun while the reader is busy with the last. */
class Batches {
  readonly #session: Session
  readonly #id: number
  readonly #ahead: { readonly pulled: Promise<Pulled>; readonly giveBack: () => void }[] = []

  constructor(session: Session, id: number) {
    this.#session = session
    this.#id = id
  }

  async next(): Promise<Pulled> {
    const first = this.#ahead.shift()
    first?.giveBack()
    const pulled = await (first?.pulled ?? this.#pull())
    if (pulled.done) this.stop()
    else if (bytesOf(pulled) <= maxBytesAhead) while (this.#ahead.length < batchesAhead && this.#readAhead());
    return pulled
  }

  #pull(): Promise<Pulled> {
    const { maxBatch } = this.#session
    return this.#session.call(this.#id, "pull", maxBatch === undefined ? [] : [maxBatch]) as Promise<Pulled>
  }

  #readAhead(): boolean {
    const giveBack = this.#session.readAhead()
    if (giveBack === undefined) return false
    const pulled = this.#pull()
    // Whoever reads next is told.
    pulled.catch(() => {})
    this.#ahead.push({ pulled, giveBack })
    return true
  }

  /** What is ahead is not held any more. */
  stop(): void {
    for (const { giveBack } of this.#ahead.splice(0)) giveBack()
  }
}

/** A stream that the other side writes to. Locks the stream. */
export class WritableTarget {
  readonly #writer: ReturnType<WritableLike["getWriter"]>

  constructor(stream: WritableLike) {
    this.#writer = stream.getWriter()
  }

  write(chunk: unknown): Promise<void> {
    return this.#writer.write(chunk)
  }

  close(): Promise<void> {
    return this.#writer.close()
  }

  abort(reason: unknown): Promise<void> {
    return this.#writer.abort(reason)
  }
}

/** The other side's writable stream, here: a write is over when the other side has taken it. */
export function writableFrom(session: Session, id: number, Writable: WritableClass): WritableLike {
  return new Writable({
    async write(chunk) {
      await session.call(id, "write", [chunk])
    },
    async close() {
      await session.call(id, "close", [])
      session.drop(id)
    },
    async abort(reason) {
      await session.call(id, "abort", [transferable(reason)])
      session.drop(id)
    },
  })
}

/** Reasons are often errors of classes that can't be cloned; their words are enough. */
function transferable(reason: unknown): unknown {
  return reason instanceof Error || typeof reason !== "object" || reason === null ? reason : "cancelled"
}
