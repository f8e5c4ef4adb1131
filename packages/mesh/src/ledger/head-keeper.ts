import type { ChainHead } from "@mayfly/protocol"
import type { Anchor } from "./anchor.ts"

/** The anchor may be this much behind the chain. Writing it costs a sync of its own. */
const anchorEveryMs = 1_000
/** Another process may have written; we only hear of our own entries. */
const lookEveryMs = 1_000

/** Knows the head of the chain as far as this process made it: tells those who wait, and keeps the anchor near. */
export class HeadKeeper {
  readonly #anchor: Anchor
  readonly #onError: (error: unknown) => void
  #head: ChainHead
  #anchored: ChainHead
  #timer: NodeJS.Timeout | undefined
  #writing: Promise<void> = Promise.resolve()
  #waiting = new Set<() => void>()

  constructor(head: ChainHead, anchor: Anchor, onError: (error: unknown) => void) {
    this.#head = head
    this.#anchored = { seq: 0, hash: "" }
    this.#anchor = anchor
    this.#onError = onError
  }

  advance(head: ChainHead): void {
    if (head.seq > this.#head.seq) this.#head = head
    for (const wake of this.#waiting) wake()
    this.#timer ??= setTimeout(() => void this.writeAnchor(), anchorEveryMs).unref()
  }

  /** Resolves when there may be entries behind this one, or the signal fires. */
  newerThan(seq: number, signal: AbortSignal | undefined): Promise<void> {
    if (this.#head.seq > seq || signal?.aborted === true) return Promise.resolve()
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer)
        signal?.removeEventListener("abort", wake)
        this.#waiting.delete(wake)
        resolve()
      }
      const timer = setTimeout(wake, lookEveryMs)
      signal?.addEventListener("abort", wake, { once: true })
      this.#waiting.add(wake)
    })
  }

  /** Resolves when the anchor is as far as the chain is now. Never rejects. */
  writeAnchor(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#writing = this.#writing.then(() => this.#write())
    return this.#writing
  }

  async #write(): Promise<void> {
    const head = this.#head
    if (head.seq <= this.#anchored.seq) return
    try {
      await this.#anchor.write(head)
      this.#anchored = head
    } catch (error) {
      this.#onError(error)
    }
  }
}
