import pino from "pino"
import type { LogEntry, ServerLog } from "../server-log.ts"
import { prettyLine } from "./pretty-line.ts"

export interface LogOptions {
  readonly level: LogEntry["level"] | "silent"
  /** `pretty`: lines for people. */
  readonly format: "json" | "pretty"
  /** Default: stderr. */
  readonly descriptor?: number
}

export interface OpenLog extends Disposable {
  readonly log: ServerLog
}

/** A reader that is slow, or gone, costs lines and no memory: beyond this they are dropped. */
const maxWaitingBytes = 16 << 20
/** Of one text: an error may quote what a client sent. */
const maxText = 16 << 10
/** Lines of requests are written together: a write for each was the most that HTTP added to a short run. */
const togetherMs = 50
const maxTogether = 16 << 10

/** Lines on stderr, written in the background and in order; warnings and errors at once. Disposing writes what waits. */
export function createLog({ level, format, descriptor = 2 }: LogOptions): OpenLog {
  const destination = pino.destination({ dest: descriptor, sync: false, maxLength: maxWaitingBytes })
  // Nobody reads any more: there is nowhere to say so.
  destination.on("error", () => {})
  let waiting = ""
  let timer: NodeJS.Timeout | undefined
  const writeWaiting = (): void => {
    clearTimeout(timer)
    timer = undefined
    if (waiting !== "") destination.write(waiting)
    waiting = ""
  }
  const write = (line: string): void => {
    waiting += format === "json" ? line : prettyLine(line)
    if (waiting.length > maxTogether) writeWaiting()
    else timer ??= setTimeout(writeWaiting, togetherMs).unref()
  }
  const logger = pino({ level, base: null, messageKey: "message", timestamp, formatters }, { write })
  return {
    log({ level: at, message, ...fields }) {
      logger[at](bounded(fields), message.slice(0, maxText))
      if (at === "warn" || at === "error") writeWaiting()
    },
    [Symbol.dispose]() {
      writeWaiting()
      try {
        destination.flushSync()
      } catch {
        // Nothing was written yet, or nobody reads.
      }
    },
  }
}

const formatters = { level: (label: string) => ({ level: label }) }

function timestamp(): string {
  return `,"time":${Date.now()}`
}

function bounded(fields: Omit<LogEntry, "level" | "message">): object {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, typeof value === "string" ? value.slice(0, maxText) : value]),
  )
}
