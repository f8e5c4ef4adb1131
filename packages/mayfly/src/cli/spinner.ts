import type { Output } from "./output.ts"
import { cutToWidth } from "./print-table.ts"
import { safeLine } from "./safe-line.ts"

const frames = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"] as const
const everyMs = 100
/** What is over at once needs no word. */
const quietMs = 400

/** `work`, with such a line for as long as it takes. */
export async function whileSpinning<T>(text: string, output: Output, work: () => Promise<T>): Promise<T> {
  using _spinner = spin(text, output)
  return await work()
}

/** One line on a person's terminal while something long goes on; nothing elsewhere. Disposing takes it away, twice is safe. */
export function spin(text: string, { stderr }: Output): Disposable {
  if (!stderr.isTTY || process.env["TERM"] === "dumb") return { [Symbol.dispose]() {} }
  const started = performance.now()
  let isShown = false
  const timer = setInterval(() => {
    const ms = performance.now() - started
    if (ms < quietMs) return
    isShown = true
    const frame = frames[Math.floor(ms / everyMs) % frames.length] ?? ""
    const line = `${frame} ${safeLine(text)} ${Math.floor(ms / 1_000)} s`
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
