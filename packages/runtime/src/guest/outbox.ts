import type { LogLevel } from "./kernel.ts"

/**
 * Everything a guest asks of the world, as one string that the host takes after each turn ("pull"). A guest that floods it gets a RangeError;
 * it can't flood the host. Entries are `<op> <id> <length>\n<payload>`: the host cuts them apart by length and never parses a payload.
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

/** Most entries and characters that one turn may leave. Far above any honest program; one turn's worth is what the host must hold. */
const maxEntries = 20_000
const maxCharacters = 64 << 20

export class Outbox {
  #text = ""
  #entries = 0
  #hasLines = false
  #final = ""

  put(op: OutboxOp, id: number, payload: string): void {
    if (this.#entries >= maxEntries || this.#text.length + payload.length > maxCharacters) {
      throw new RangeError("too many pending operations: await some before you start more")
    }
    this.#entries++
    this.#text += `${op} ${id} ${payload.length}\n${payload}`
  }

  /** A log line. Bounded by whoever calls: `logBytes` is. Logging must not fail, so lines do not count as entries. */
  putLine(level: number, line: string): void {
    this.#hasLines = true
    this.#text += `L ${level} ${line.length}\n${line}`
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
  }

  /** All entries since the last call, then the outcome once there are none, then "". Touches nothing that a guest can change. */
  take(): string {
    if (this.#entries > 0 || this.#hasLines) {
      const text = this.#text
      this.#text = ""
      this.#entries = 0
      this.#hasLines = false
      return text
    }
    const final = this.#final
    this.#final = ""
    return final
  }
}
