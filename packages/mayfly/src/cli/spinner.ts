import type { Output } from "./output.ts"
import { cutToWidth } from "./print-table.ts"
import { safeLine } from "./safe-line.ts"

const frames = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"] as const
const everyMs = 100
/** What is over at once needs no word. */
const quietMs = 400

/** `work`, with such a line for as long as it takes; it may say what it is at. */
export async function whileSpinning<T>(
  text: string,
  output: Output,
  work: (say: (what: string) => void) => Promise<T>,
): Promise<T> {
  let said = text
  using _spinner = spin(() => said, output)
  return await work((what) => (said = `${text}: ${what}`))
}

/** One line on a person's terminal while something long goes on; nothing elsewhere. Disposing takes it away, twice is safe. */
export function spin(text: string | (() => string), { stderr }: Output): Disposable {
  if (!stderr.isTTY || process.env["TERM"] === "dumb") return { [Symbol.dispose]() {} }
  const started = performance.now()
  let isShown = false
  const timer = setInterval(() => {
    const ms = performance.now() - started
    if (ms < quietMs) return
    isShown = true
    const frame = frames[Math.floor(ms / everyMs) % frames.length] ?? ""
    const line = `${frame} ${safeLine(typeof text === "string" ? text : text())} ${Math.floor(ms / 1_000)} s`
    stderr.write(`\r\x1b[K${cutToWidth(line, (stderr.columns || 80) - 1)}`)
  }, everyMs).unref()
  return {
    [Symbol.dispose]() {
      clearInterval(timer)
      if (isShown) stderr.write("\r\x1b[K")
      isShown = false
    },
  }
}
