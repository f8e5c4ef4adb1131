import type { MayflyError } from "@mayfly/protocol"
import type { RunPort, StoreReply } from "../pool/isolate-pool.ts"
import { RunRecord, type RunRecordOptions } from "../worker/run-record.ts"
import type { ObjectStorage } from "./object-storage.ts"

export interface ObjectRecordOptions extends RunRecordOptions {
  readonly storage: ObjectStorage
  /** Keeps the caller's process alive until the function is called that it gives. */
  hold(): () => void
  /** The storage is lost for this instance: it has to go. */
  onFailure(error: MayflyError): void
}

/** One storage operation may take as long as a call may compute, within reason: it is killed by the clock, and machines are busy. */
const minTimeoutMs = 1_000
const maxTimeoutMs = 30_000

/** What an object's instance does to the world: a run's doings, and its storage. */
export class ObjectRecord extends RunRecord {
  readonly #options: ObjectRecordOptions
  readonly #timeoutMs: number
  /** Calls that the guest has not answered. */
  readonly #owed = new Set<number>()
  #release: (() => void) | undefined
  /** When the guest last gave a sign of work. */
  lastActive = performance.now()

  constructor(options: ObjectRecordOptions) {
    super(options)
    this.#options = options
    this.#timeoutMs = Math.max(minTimeoutMs, Math.min(options.limits.cpuMs ?? maxTimeoutMs, maxTimeoutMs))
  }

  /** Whether the guest owes an answer: of a call, or of a stream that somebody reads. */
  get isBusy(): boolean {
    return this.#owed.size > 0
  }

  override onStart(queueMs: number, port: RunPort): void {
    super.onStart(queueMs, {
      invoke: (id, call, args, buffers) => {
        this.#owe(id)
        port.invoke(id, call, args, buffers)
      },
      renew: (id, call, args, buffers) => {
        this.#owe(id)
        port.renew(id, call, args, buffers)
      },
      release: (target, count) => port.release(target, count),
      // Calls keep the process alive, not the instance.
      hold: () => {},
    })
  }

  #owe(id: number): void {
    this.#owed.add(id)
    this.#release ??= this.#options.hold()
  }

  #letGo(): void {
    this.#release?.()
    this.#release = undefined
  }

  override close(reason?: MayflyError): void {
    this.#owed.clear()
    this.#letGo()
    super.close(reason)
  }

  async onStore(kind: "call" | "commit", payload: string): Promise<StoreReply> {
    this.noteEffect()
    const { storage } = this.#options
    try {
      return kind === "commit" ? await storage.commit() : await storage.call(payload, this.#timeoutMs)
    } catch (error) {
      this.#options.onFailure(error as MayflyError)
      // The instance is on its way out; its thread waits until it is gone.
      return new Promise(() => {})
    }
  }

  override onReply(id: number, text: string, buffers: readonly ArrayBuffer[]): void {
    this.#owed.delete(id)
    if (this.#owed.size === 0) this.#letGo()
    this.lastActive = performance.now()
    const { outputBytes } = this.#options.limits
    // Streams come in small pieces; only a call's whole answer can be this long.
    const length = buffers.reduce((sum, { byteLength }) => sum + byteLength, text.length)
    if (length <= outputBytes + answerOverhead) return super.onReply(id, text, buffers)
    const message = `a call's answer has ${length} bytes; limits.outputBytes is ${outputBytes}`
    super.onReply(id, `-${JSON.stringify({ name: "RangeError", message, code: "worker.output-limit" })}`, [])
  }
}

const answerOverhead = 4_096
