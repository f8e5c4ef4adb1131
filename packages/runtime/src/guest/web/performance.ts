import type { Kernel } from "../kernel.ts"
import { argumentError, illegalConstructor } from "./argument-error.ts"
import { elapsedMs, timeOrigin } from "./clock.ts"
import { defineLazily, named } from "./define-global.ts"
import { DOMException } from "./dom-exception.ts"

/** The oldest entries go first. A program that measures in a loop would otherwise fill its memory. */
const maxEntries = 10_000
const key = Symbol("Performance")

interface Entry {
  readonly name: string
  readonly entryType: "mark" | "measure"
  readonly startTime: number
  readonly duration: number
  readonly detail: unknown
}

interface MarkOptions {
  readonly startTime?: unknown
  readonly detail?: unknown
}

interface MeasureOptions {
  readonly start?: unknown
  readonly end?: unknown
  readonly duration?: unknown
  readonly detail?: unknown
}

/** The part of https://w3c.github.io/user-timing/ that programs use without a browser. */
const createPerformance = () =>
  class {
    #entries: Entry[] = []

    constructor(secret?: unknown) {
      if (secret !== key) throw illegalConstructor()
    }

    get timeOrigin(): number {
      return timeOrigin()
    }

    now(): number {
      return elapsedMs()
    }

    mark(name: unknown, options: MarkOptions = {}): Entry {
      if (arguments.length === 0) throw argumentError('The "name" argument must be specified', "ERR_MISSING_ARGS")
      const startTime = options.startTime === undefined ? elapsedMs() : Number(options.startTime)
      return this.#add({ name: `${name}`, entryType: "mark", startTime, duration: 0, detail: options.detail ?? null })
    }

    measure(name: unknown, startOrOptions?: unknown, endMark?: unknown): Entry {
      if (arguments.length === 0) throw argumentError('The "name" argument must be specified', "ERR_MISSING_ARGS")
      const isOptions = typeof startOrOptions === "object" && startOrOptions !== null
      const options: MeasureOptions = isOptions ? startOrOptions : { start: startOrOptions, end: endMark }
      const length = options.duration === undefined ? null : Number(options.duration)
      const until = options.end === undefined ? null : this.#time(options.end)
      const from = options.start === undefined ? null : this.#time(options.start)
      const startTime = from ?? (until !== null && length !== null ? until - length : 0)
      const duration = (until ?? (length === null ? elapsedMs() : startTime + length)) - startTime
      return this.#add({ name: `${name}`, entryType: "measure", startTime, duration, detail: options.detail ?? null })
    }

    getEntries(): Entry[] {
      return this.#entries.toSorted((one, other) => one.startTime - other.startTime)
    }
    getEntriesByName(name: unknown, type?: unknown): Entry[] {
      return this.getEntries().filter(
        (entry) => entry.name === name && (type === undefined || entry.entryType === type),
      )
    }
    getEntriesByType(type: unknown): Entry[] {
      return this.getEntries().filter((entry) => entry.entryType === type)
    }
    clearMarks(name?: unknown): void {
      this.#clear("mark", name)
    }
    clearMeasures(name?: unknown): void {
      this.#clear("measure", name)
    }
    toJSON(): { timeOrigin: number } {
      return { timeOrigin: timeOrigin() }
    }

    #add(entry: Entry): Entry {
      if (this.#entries.push(entry) > maxEntries) this.#entries.shift()
      return entry
    }

    #clear(type: Entry["entryType"], name: unknown): void {
      this.#entries = this.#entries.filter(
        (entry) => entry.entryType !== type || (name !== undefined && entry.name !== name),
      )
    }

    #time(mark: unknown): number {
      if (typeof mark === "number") return mark
      const entry = this.#entries.findLast(({ name, entryType }) => entryType === "mark" && name === `${mark}`)
      if (entry !== undefined) return entry.startTime
      throw new DOMException(`The "${mark}" performance mark has not been set`, "SyntaxError")
    }
  }

export function installPerformance(kernel: Kernel): void {
  defineLazily(kernel, ["Performance", "performance"], () => {
    const Performance = named("Performance", createPerformance())
    return { Performance, performance: new Performance(key) }
  })
}
