import { styleText } from "node:util"

const colors = { trace: "dim", debug: "dim", info: "green", warn: "yellow", error: "red" } as const

/** A line of the log for people. Control characters stay escaped: parts may be a stranger's words. */
export function prettyLine(json: string): string {
  const { level, time, message, stack, ...fields } = JSON.parse(json) as Record<string, unknown>
  const clock = new Date(Number(time)).toTimeString().slice(0, 8)
  const name = String(level) as keyof typeof colors
  const rest = Object.entries(fields).map(([key, value]) => `${key}=${shown(value)}`)
  const head = [clock, styleText(colors[name] ?? "dim", name.padEnd(5)), shown(message), ...rest].join(" ")
  return `${head}\n${typeof stack === "string" ? `${stack.split("\n").map(shownLine).join("\n")}\n` : ""}`
}

function shown(value: unknown): string {
  const text = String(value)
  return /^[\x20-\x7e]*$/.test(text) ? text : JSON.stringify(text).replaceAll(/[\x7f-\uffff]/g, escaped)
}

function shownLine(line: string): string {
  return line.replaceAll(/[\x00-\x1f\x7f-\uffff]/g, escaped)
}

function escaped(character: string): string {
  return `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`
}
