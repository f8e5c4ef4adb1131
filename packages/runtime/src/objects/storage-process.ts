import { Child } from "../pool/child.ts"
import { FairQueue } from "../pool/fair-queue.ts"
import type { RuntimeFiles } from "../pool/runtime-files.ts"
import type { Head } from "../wire/frame-channel.ts"

export interface StorageAnswer {
  readonly isOk: boolean
  /** The object has to start over: its transaction is lost. */
  readonly isLost: boolean
  /** An encoded value, or a failure as JSON. */
  readonly text: string
  readonly isDirty: boolean
  /** Whether a crash would lose something: a transaction that spans turns is not to be committed yet. */
  readonly isInTransaction: boolean
  /** The alarm that stands in the database, committed or not. */
  readonly alarm: number | null
  readonly cpuMs: number
}

export interface StorageRequest {
  readonly object: number
  readonly head: Head
  readonly payload: string
  readonly timeoutMs: number
}

/** The process died with the request. */
export class StorageGone extends Error {
  /** "late": it was killed because this request took too long. "died": it worked on this request. "innocent": on something else. */
  readonly how: "late" | "died" | "innocent"

  constructor(how: StorageGone["how"], reason: string) {
    super(reason)
    this.how = how
  }
}

interface Waiting {
  readonly request: StorageRequest
  resolve(answer: StorageAnswer): void
  reject(error: StorageGone): void
}

/** Answers are batches of a few megabytes, lists of 16 MiB at most. */
const maxAnswer = 128 << 20

/** Some 600 MB are V8's reservations; SQLite gets the rest, and says "out of memory" beyond. */
const dataKb = 900 * 1_024
const flags = ["--no-opt", "--no-warnings", "--v8-pool-size=0", "--max-old-space-size=256", "--single-threaded-gc"]

/** The supervisor's end of one storage process. One request at a time, in turn for each object, so that a late one is known to be to blame. */
export class StorageProcess {
  /** Objects that are open here. */
  connections = 0
  /** It holds only objects whose storage died under them before. */
  readonly isApart: boolean
  readonly #child: Child
  readonly #queue = new FairQueue<Waiting>()
  readonly #onGone = new Set<() => void>()
  #current: { readonly id: number; readonly waiting: Waiting } | undefined
  #timer: NodeJS.Timeout | undefined
  #nextId = 0
  #isReady = false
  #isLate = false
  #isStopping = false
  #isGone = false

  constructor(files: RuntimeFiles, folder: string, isApart: boolean) {
    this.isApart = isApart
    const { node, storage } = files
    const program = { node, flags, script: storage, argument: "{}", reads: [], writes: [folder], dataKb }
    this.#child = new Child(
      program,
      { onFrame: (head, parts) => this.#frame(head, parts), onExit: (reason) => this.#gone(reason) },
      false,
    )
    this.#child.expectReady(() => this.#isReady)
    this.#child.hold(false)
  }

  get isGone(): boolean {
    return this.#isGone
  }

  /** Calls `gone` once, when the process is gone, before any request is rejected for it. */
  onGone(gone: () => void): void {
    this.#onGone.add(gone)
  }

  offGone(gone: () => void): void {
    this.#onGone.delete(gone)
  }

  /** Rejects with StorageGone only. */
  request(request: StorageRequest): Promise<StorageAnswer> {
    return new Promise((resolve, reject) => {
      if (this.#isGone) return reject(new StorageGone("innocent", "the storage process is gone"))
      this.#queue.add(String(request.object), { request, resolve, reject })
      this.#child.hold(true)
      this.#next()
    })
  }

  #next(): void {
    if (!this.#isReady || this.#current !== undefined) return
    const waiting = this.#queue.take(() => 0)
    // Whoever stops it waits for its end, which must not be the end of the caller's event loop.
    if (waiting === undefined) return this.#isStopping ? undefined : this.#child.hold(false)
    const { object, head, payload, timeoutMs } = waiting.request
    const id = ++this.#nextId
    this.#current = { id, waiting }
    this.#timer = setTimeout(() => this.#late(), timeoutMs)
    this.#child.channel.send({ ...head, object, id }, payload)
    this.#child.channel.flush()
  }

  #late(): void {
    this.#isLate = true
    this.#child.kill()
  }

  #frame(head: Head, parts: readonly string[]): void {
    const isTooLong = (parts[0]?.length ?? 0) > maxAnswer
    if (head.t === "ready") this.#isReady = true
    else if (isTooLong) return this.#child.kill()
    else if (head.t === "done" && head["id"] === this.#current?.id) this.#done(head, parts[0] ?? "")
    // A process that talks nonsense is not ours any more.
    else return this.#child.kill()
    this.#next()
  }

  #done(head: Head, text: string): void {
    const { alarm, ms } = head
    clearTimeout(this.#timer)
    const waiting = this.#current?.waiting
    this.#current = undefined
    waiting?.resolve({
      isOk: head["ok"] === true,
      isLost: head["lost"] === true,
      text,
      isDirty: head["dirty"] === true,
      isInTransaction: head["open"] === true,
      alarm: typeof alarm === "number" && Number.isFinite(alarm) ? alarm : null,
      cpuMs: typeof ms === "number" && ms >= 0 ? ms : 0,
    })
  }

  #gone(reason: string): void {
    this.#isGone = true
    clearTimeout(this.#timer)
    for (const gone of this.#onGone) gone()
    this.#current?.waiting.reject(new StorageGone(this.#isLate ? "late" : "died", reason))
    this.#current = undefined
    for (const waiting of this.#queue.drain()) waiting.reject(new StorageGone("innocent", reason))
  }

  /** Kills it and waits until it is gone. */
  stop(): Promise<void> {
    this.#isStopping = true
    return this.#child.stop()
  }
}
