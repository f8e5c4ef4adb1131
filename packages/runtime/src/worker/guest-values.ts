import { MayflyError } from "@mayfly/protocol"
import { decodeGuestValue } from "./decode-guest-value.ts"
import type { RunRecord } from "./run-record.ts"

/** The values that a program yields, read one by one: it goes on when the next one is asked for. */
export class GuestValues {
  readonly #source: number
  readonly #record: RunRecord
  readonly #onOver: (used: number) => void
  #used = 0

  /** `onOver` is called when the values took more than `outputBytes`. */
  constructor(source: number, record: RunRecord, onOver: (used: number) => void) {
    this.#source = source
    this.#record = record
    this.#onOver = onOver
  }

  /** Undefined when there are no more. Rejects when the program fails: the run's end says how. */
  async next(): Promise<{ readonly value: unknown } | undefined> {
    const step = await this.#record.session.call(this.#source, "next")
    const { done, text } = (step ?? {}) as { done?: unknown; text?: unknown }
    if (done === true) return undefined
    if (typeof text !== "string") throw new MayflyError("worker.not-serializable", "the value can't be read")
    this.#count(text.length - 1)
    return { value: decodeGuestValue(text) }
  }

  #count(bytes: number): void {
    this.#used += bytes
    // The isolate counts, too; a process that does not is lying.
    if (this.#used > this.#record.outputBytes) this.#onOver(this.#used)
  }

  /** Nobody wants more: the generator returns. Never rejects. */
  async stop(): Promise<void> {
    try {
      await this.#record.session.call(this.#source, "return")
    } catch {
      // The run is over.
    }
  }
}
