import type { Readable } from "node:stream"
import { senseless } from "./agent-answer.ts"

/** Values of a stream of lines of JSON. Lines that are no JSON, or have more than `maxBytes` together, are `sandbox.crashed`. */
export async function* jsonLines(source: Readable, maxBytes = Infinity): AsyncGenerator<unknown, void, void> {
  const decoder = new TextDecoder()
  let parts: string[] = []
  let partial = 0
  let total = 0
  for await (const chunk of source as AsyncIterable<Buffer>) {
    total += chunk.length
    const lines = decoder.decode(chunk, { stream: true }).split("\n")
    const last = lines.pop() ?? ""
    for (const line of lines) {
      yield parse(parts.join("") + line)
      parts = []
      partial = 0
    }
    if (last !== "") parts.push(last)
    if (parts.length > maxParts) parts = [parts.join("")]
    partial += last.length
    if (partial > maxLineLength || total > maxBytes) throw senseless()
  }
}

const maxLineLength = 32 << 20
const maxParts = 1_000

function parse(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    throw senseless()
  }
}
