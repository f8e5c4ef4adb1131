import type { Readable } from "node:stream"
import { senseless } from "./agent-answer.ts"

/** Values of a stream of lines of JSON. A line that is too long or no JSON is `sandbox.crashed`. */
export async function* jsonLines(source: Readable, maxLineBytes = 1 << 20): AsyncGenerator<unknown, void, void> {
  let rest = ""
  const decoder = new TextDecoder()
  for await (const chunk of source as AsyncIterable<Buffer>) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n")
    rest = lines.pop() ?? ""
    for (const line of lines) yield parse(line)
    if (rest.length > maxLineBytes) throw senseless()
  }
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    throw senseless()
  }
}
