import { MayflyError } from "@mayfly/protocol"

/** One server-sent event of the API. */
export interface ServerEvent {
  readonly event: string
  readonly data: unknown
  /** Where to go on behind it. */
  readonly id?: string
}

/** More than the largest result and its logs are as JSON. */
const maxLine = 512 << 20

/** Events of a stream, in order. Comments are left out. Rejects with `server.unreachable` for what no server of Mayfly's sends. */
export async function* serverEvents(
  chunks: AsyncIterable<Uint8Array>,
  maxCharacters = maxLine,
): AsyncGenerator<ServerEvent, void, void> {
  let fields = new Map<string, string>()
  for await (const line of lines(chunks, maxCharacters)) {
    const [name = "", ...rest] = line.split(": ")
    if (line !== "") {
      if (name === "event" || name === "data" || name === "id") fields.set(name, rest.join(": "))
      continue
    }
    const [event, id] = [fields.get("event"), fields.get("id")]
    if (event !== undefined) yield { event, data: parse(fields.get("data")), ...(id === undefined ? {} : { id }) }
    fields = new Map()
  }
}

function parse(data = "null"): unknown {
  try {
    return JSON.parse(data)
  } catch {
    throw strange("an event of the server's is no JSON")
  }
}

/** A line may be as long as the largest result; it is put together once. */
async function* lines(chunks: AsyncIterable<Uint8Array>, most: number): AsyncGenerator<string, void, void> {
  const decoder = new TextDecoder()
  let [begun, length]: [string[], number] = [[], 0]
  for await (const chunk of chunks) {
    const [first = "", ...rest] = decoder.decode(chunk, { stream: true }).split("\n")
    begun.push(first)
    length += first.length
    if (length > most) throw strange(`a line of the server's has more than ${most} characters`)
    for (const next of rest) {
      yield begun.join("")
      ;[begun, length] = [[next], next.length]
    }
  }
}

function strange(problem: string): MayflyError {
  return new MayflyError("server.unreachable", problem)
}
