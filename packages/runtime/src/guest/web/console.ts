import type { Kernel, LogLevel } from "../kernel.ts"
import { elapsedMs } from "./clock.ts"
import { createConsoleText, unprintable } from "./console-text.ts"
import type { ConsoleText, InspectChunk } from "./console-text.ts"
import { defineLazily } from "./define-global.ts"
import { formatDuration } from "./duration.ts"

/** Deeper groups are indented no further: a loop of `console.group()` would make every line long. */
const maxDepth = 100

const { captureStackTrace } = Error

interface Writer {
  /** What `values` look like on one line, as in Node. */
  readonly toText: ConsoleText
  /** Formats `values` and writes one entry. */
  print(level: LogLevel, values: readonly unknown[]): void
  /** Writes what `make` returns. Whatever it throws, guest code sees nothing of it. */
  write(level: LogLevel, make: () => string): void
  indent(change: 1 | -1): void
}

/**
 * Text is Node's, levels are those of https://console.spec.whatwg.org/#loglevel. Methods work without their `this`.
 * The engine has a console of its own; it prints nothing and goes.
 */
export function installConsole(kernel: Kernel): void {
  defineLazily(kernel, ["console"], () => ({ console: createConsole(kernel) }))
}

function createConsole(kernel: Kernel): object {
  const writer = createWriter(kernel)
  const console = {
    ...plainMethods(writer),
    ...viewMethods(kernel, writer),
    ...countMethods(writer),
    ...timeMethods(writer),
  }
  return Object.defineProperty(console, Symbol.toStringTag, { value: "console", configurable: true })
}

function createWriter(kernel: Kernel): Writer {
  const toText = createConsoleText(kernel)
  let depth = 0
  const write = (level: LogLevel, make: () => string): void => {
    let text = unprintable
    try {
      text = make()
      if (depth > 0) text = indented(text, Math.min(depth, maxDepth))
    } catch {
      // Said above.
    }
    kernel.log(level, text)
  }
  return {
    toText,
    write,
    print: (level, values) => write(level, () => toText(values)),
    indent(change) {
      depth = Math.max(0, depth + change)
    },
  }
}

function indented(text: string, depth: number): string {
  const space = "  ".repeat(depth)
  return space + (text.includes("\n") ? text.replaceAll("\n", `\n${space}`) : text)
}

type Methods = Readonly<Record<string, (...values: unknown[]) => void>>

function plainMethods({ print, indent }: Writer): Methods {
  const group = (values: unknown[]): void => {
    if (values.length > 0) print("log", values)
    indent(1)
  }
  return {
    log: (...values) => print("log", values),
    info: (...values) => print("info", values),
    warn: (...values) => print("warn", values),
    error: (...values) => print("error", values),
    debug: (...values) => print("debug", values),
    dirxml: (...values) => print("log", values),
    group: (...values) => group(values),
    groupCollapsed: (...values) => group(values),
    groupEnd: () => indent(-1),
    assert(condition, ...values) {
      if (condition) return
      if (typeof values[0] === "string") values[0] = `Assertion failed: ${values[0]}`
      else values.unshift("Assertion failed")
      print("error", values)
    },
    // There is no screen to clear and no profiler to tell.
    clear: () => undefined,
    profile: () => undefined,
    profileEnd: () => undefined,
    timeStamp: () => undefined,
  }
}

function viewMethods(kernel: Kernel, { print, write, toText }: Writer): Methods {
  const load = (): InspectChunk => kernel.chunk<InspectChunk>("inspect")
  const methods: Methods = {
    dir: (value, options) =>
      write("log", () => load().inspect(value, { customInspect: false, ...(options as object) })),
    table(data, columns) {
      if (typeof data !== "object" || data === null) print("log", [data])
      else write("log", () => load().table(data, columns) ?? load().format(data))
    },
    trace(...values) {
      write("log", () => {
        const trace = { name: "Trace", message: toText(values), stack: "" }
        captureStackTrace(trace, methods["trace"])
        return trace.stack
      })
    },
  }
  return methods
}

/** Runs `act` with the label as text. A label that cannot be one is the program's own loss. */
function withLabel(values: readonly unknown[], act: (label: string) => void): void {
  try {
    act(values[0] === undefined ? "default" : `${values[0]}`)
  } catch {
    // Only the conversion can throw.
  }
}

function countMethods({ print }: Writer): Methods {
  const counts = new Map<string, number>()
  return {
    count(...values) {
      withLabel(values, (label) => {
        const count = (counts.get(label) ?? 0) + 1
        counts.set(label, count)
        print("log", [`${label}: ${count}`])
      })
    },
    countReset(...values) {
      withLabel(values, (label) => {
        if (!counts.delete(label)) print("warn", [`Count for '${label}' does not exist`])
      })
    },
  }
}

function timeMethods({ print }: Writer): Methods {
  const starts = new Map<string, number>()
  const report = (level: LogLevel, method: string, { label, data }: { label: string; data: unknown[] }): void => {
    const start = starts.get(label)
    if (start === undefined) return print("warn", [`No such label '${label}' for console.${method}()`])
    print(level, [`${label}: ${formatDuration(elapsedMs() - start)}`, ...data])
  }
  return {
    time(...values) {
      withLabel(values, (label) => {
        if (starts.has(label)) print("warn", [`Label '${label}' already exists for console.time()`])
        else starts.set(label, elapsedMs())
      })
    },
    timeLog(...values) {
      withLabel(values, (label) => report("log", "timeLog", { label, data: values.slice(1) }))
    },
    timeEnd(...values) {
      withLabel(values, (label) => {
        report("log", "timeEnd", { label, data: [] })
        starts.delete(label)
      })
    },
  }
}
