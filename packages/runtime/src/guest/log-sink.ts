import type { LogLevel } from "./kernel.ts"
import { logLevels, type Outbox } from "./outbox.ts"

/** Lines that may be sent at once, ahead of the end of the turn. */
const liveBurst = 64
/** One more live line becomes possible after this many milliseconds. */
const liveEveryMs = 10
/** The run ends when it wrote this many times its `logBytes`. */
const floodFactor = 16
/** Logs that are not wanted at all (`logBytes: 0`) do not end a run at their first word. */
const leastLimit = 4_096

/**
 * Console lines. They leave at once while few, so that the last words of an endless loop are seen, and with the turn's outbox otherwise,
 * so that a flood costs the host nothing.
 */
export class LogSink {
  readonly #outbox: Outbox
  readonly #push: (line: string) => void
  readonly #now = Date.now
  #limit = 0
  #bytes = 0
  #sequence = 0
  #live = liveBurst
  #lastLive = 0
  #isQuiet = false

  constructor(outbox: Outbox, push: (line: string) => void) {
    this.#outbox = outbox
    this.#push = push
  }

  /** A run begins that may write `limit` bytes. A quiet one leaves all lines in the outbox, where it is clear whose they are. */
  begin(limit: number, isQuiet = false): void {
    this.#limit = limit
    this.#isQuiet = isQuiet
    this.#bytes = 0
    this.#sequence = 0
    this.#live = liveBurst
  }

  /** Lines may go at once again. */
  speak(): void {
    this.#isQuiet = false
  }

  write(level: LogLevel, message: string): void {
    const before = this.#bytes
    // An empty line costs something, too.
    this.#bytes += message.length || 1
    if (this.#bytes <= this.#limit) return this.#send(logLevels.indexOf(level), message)
    if (before <= this.#limit) this.#cut(level, message.slice(0, this.#limit - before))
    const flood = (this.#limit || leastLimit) * floodFactor
    if (this.#bytes > flood && before <= flood) this.#push(`!${this.#bytes}`)
  }

  #cut(level: LogLevel, rest: string): void {
    if (rest !== "") this.#send(logLevels.indexOf(level), rest)
    if (this.#isQuiet) this.#outbox.putCut()
    else this.#push("~")
  }

  /** A sequence number goes with each line: a live one may overtake lines that wait in the outbox. */
  #send(level: number, message: string): void {
    const now = this.#now()
    const line = `${++this.#sequence} ${now} ${message}`
    if (this.#mayGoLive(now)) this.#push(`${level} ${line}`)
    else this.#outbox.putLine(level, line)
  }

  #mayGoLive(now: number): boolean {
    if (this.#isQuiet) return false
    if (this.#live < liveBurst && now - this.#lastLive >= liveEveryMs) {
      this.#live = Math.min(liveBurst, this.#live + Math.floor((now - this.#lastLive) / liveEveryMs))
    }
    if (this.#live === 0) return false
    this.#live--
    this.#lastLive = now
    return true
  }
}
