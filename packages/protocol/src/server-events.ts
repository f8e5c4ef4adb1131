import { MayflyError } from "./mayfly-error.ts"

/** One server-sent event of the API. */
export interface ServerEvent {
  readonly event: string
  readonly data: unknown
  /** Where to go on: `Last-Event-ID`. */
  readonly id?: string
}

/** More characters than the event of the largest result has. */
const maxEventLength = 128 << 20

/**
 * The events of a stream (WHATWG HTML, 9.2.6), in order. Comments and `retry` are left out, and so is an event that was cut off. Rejects with
 * `client.not-mayfly` for one without end or whose data is no JSON: whoever answers may be anybody.
 */
export async function* serverEvents(
  chunks: AsyncIterable<Uint8Array>,
  maxLength = maxEventLength,
): AsyncGenerator<ServerEvent, void, void> {
  let fields = new Map<string, string>()
  let data: string[] = []
  let length = 0
  for await (const line of linesOf(chunks, maxLength)) {
    length += line.length
    if (length > maxLength) throw tooLong(maxLength)
    const [, name = "", value = ""] = /^([^:]*)(?:: ?([^]*))?$/.exec(line) ?? []
    if (name === "data") data.push(value)
    else if (name === "event" || name === "id") fields.set(name, value)
    if (line !== "") continue
    const id = fields.get("id")
    if (data.length > 0)
      yield {
        event: fields.get("event") ?? "message",
        data: parse(data.join("\n")),
        ...(id === undefined ? {} : { id }),
      }
    fields = new Map()
    data = []
    length = 0
  }
}

/** A line may be as long as the largest result; it is put together once. */
async function* linesOf(chunks: AsyncIterable<Uint8Array>, maxLength: number): AsyncGenerator<string, void, void> {
  const decoder = new TextDecoder()
  let begun: string[] = []
  let length = 0
  let isAfterReturn = false
  for await (const chunk of chunks) {
    const decoded = decoder.decode(chunk, { stream: true })
    if (decoded === "") continue
    const [first = "", ...rest] = decoded.slice(isAfterReturn && decoded.startsWith("\n") ? 1 : 0).split(/\r\n|\n|\r/)
    isAfterReturn = decoded.endsWith("\r")
    begun.push(first)
    length += first.length
    if (length > maxLength) throw tooLong(maxLength)
    for (const next of rest) {
      yield begun.join("")
      begun = [next]
      length = next.length
    }
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch (cause) {
    throw new MayflyError("client.not-mayfly", "an event of the answer is no JSON", { cause })
  }
}

function tooLong(maxLength: number): MayflyError {
  return new MayflyError("client.not-mayfly", `an event of the answer has more than ${maxLength} characters`)
}
