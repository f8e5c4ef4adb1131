import type { LogLevel } from "./kernel.ts"

/**
 * Everything a guest asks of the world, as one string that the host takes after each turn ("pull"). A guest that floods it gets a RangeError;
 * it can't flood the host. Entries are `<op> <id> <length>\n<payload>`: the host cuts them apart by length and never parses a payload.
 * With bytes beside it an entry is `<op> <id> <length> <buffers>\n<payload>`: so many of the buffers that the host then takes are its own.
 */
export type OutboxOp =
  /** The program is called: its modules are evaluated. */
  | "G"
  /** Start timer `id`; payload: milliseconds. */
  | "T"
  /** Clear timer `id`. */
  | "C"
  /** Log line; `id` is the level's index, payload the text. */
  | "L"
  /** Further log lines of the run were dropped. */
  | "K"
  /** A run is over and the next one of the same turn begins; payload: its outcome. */
  | "E"
  /** Operations `id`: subtle crypto, fetch, binding call. */
  | "S"
  | "F"
  | "B"
  /** Answer to the parent's call `id`; payload: `+` and the result, or `-` and a failure. */
  | "A"
  /** A response whose body is the guest's export `id`; payload: status and headers. */
  | "R"
  /** The parent's export `id` is not needed any more; payload: how often it had been received. */
  | "D"
  /** Cancel operation `id`. */
  | "X"
  /** Dynamic import `id`; payload: referrer, newline, specifier. */
  | "I"

export const logLevels: readonly LogLevel[] = ["debug", "log", "info", "warn", "error"]

// Taken at evaluation: guest code may replace it later.
const { apply } = Reflect
const byteLength = Reflect.getOwnPropertyDescriptor(ArrayBuffer.prototype, "byteLength")?.get as () => number

/** Most entries, and characters and bytes, that one turn may leave. Far above any honest program; one turn's worth is what the host must hold. */
const maxEntries = 20_000
const maxCharacters = 64 << 20
/** What runs that share a turn may leave before the rest of them have to wait for another turn. */
const maxSharedEntries = 1_000
const maxSharedCharacters = 4 << 20

export class Outbox {
  #text = ""
  #entries = 0
  #hasLines = false
  #final = ""
  #buffers: ArrayBuffer[] = []
  #bytes = 0
  /** Buffers of the text that was taken last. */
  #taken: ArrayBuffer[] = []
  #nextTaken = 0

  /** The outbox takes over `buffers`, which must be the runtime's own. */
  put(op: OutboxOp, id: number, payload: string, buffers: readonly ArrayBuffer[] = []): void {
    const bytes = this.#bytes + sizeOf(buffers)
    const isFull = this.#entries >= maxEntries || this.#buffers.length + buffers.length > maxEntries
    if (isFull || this.#text.length + payload.length + bytes > maxCharacters) {
      throw new RangeError("too many pending operations: await some before you start more")
    }
    this.#entries++
    this.#bytes = bytes
    for (let at = 0; at < buffers.length; at++) this.#buffers[this.#buffers.length] = buffers[at] as ArrayBuffer
    this.#text += `${op} ${id} ${payload.length}${buffers.length === 0 ? "" : ` ${buffers.length}`}\n${payload}`
  }

  /** A log line. Bounded by whoever calls: `logBytes` is. Logging must not fail, so lines do not count as entries. */
  putLine(level: number, line: string): void {
    this.#hasLines = true
    this.#text += `L ${level} ${line.length}\n${line}`
  }

  /** Lines were dropped; see `putLine`. */
  putCut(): void {
    this.#hasLines = true
    this.#text += "K 0 0\n"
  }

  /**
   * Closes a run that ended well, so that another one of the same turn can begin behind it. False when it has not ended, or ended badly, or left
   * so much that the host should have it first.
   */
  endRun(): boolean {
    const outcome = this.#final
    if (outcome[0] !== "=" || this.#entries > maxSharedEntries) return false
    if (this.#text.length + this.#bytes + outcome.length > maxSharedCharacters) return false
    this.#entries++
    this.#final = ""
    this.#text += `E 0 ${outcome.length}\n${outcome}`
    return true
  }

  /** The run's outcome: `=` and the encoded result, or `-` and an error as JSON. Taken after everything else. */
  finish(outcome: string): void {
    if (this.#final === "") this.#final = outcome
  }

  /** Forgets what a run that is over has left. */
  clear(): void {
    this.#text = ""
    this.#entries = 0
    this.#hasLines = false
    this.#final = ""
    this.#buffers = []
    this.#bytes = 0
    this.#taken = []
  }

  /** All entries since the last call, then the outcome once there are none, then "". Touches nothing that a guest can change. */
  take(): string {
    if (this.#entries > 0 || this.#hasLines) {
      const text = this.#text
      this.#text = ""
      this.#entries = 0
      this.#hasLines = false
      this.#taken = this.#buffers
      this.#nextTaken = 0
      if (this.#taken.length > 0) this.#buffers = []
      this.#bytes = 0
      return text
    }
    const final = this.#final
    this.#final = ""
    return final
  }

  /** The next buffer of the text that was taken last; it is gone from here. */
  takeBuffer(): ArrayBuffer | undefined {
    const buffer = this.#taken[this.#nextTaken]
    if (++this.#nextTaken >= this.#taken.length) this.#taken = []
    return buffer
  }
}

/** By the getter that guests can't change. */
function sizeOf(buffers: readonly ArrayBuffer[]): number {
  let size = 0
  for (let at = 0; at < buffers.length; at++) size += apply(byteLength, buffers[at], []) as number
  return size
}
