/** One server-sent event of the API. */
export interface ServerEvent {
  readonly event: string
  readonly data: unknown
}

/** Events of a stream, in order. Comments are left out. */
export async function* serverEvents(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<ServerEvent, void, void> {
  let fields = new Map<string, string>()
  for await (const line of lines(chunks)) {
    const [name = "", ...rest] = line.split(": ")
    if (line !== "") fields.set(name, rest.join(": "))
    else {
      const event = fields.get("event")
      if (event !== undefined) yield { event, data: JSON.parse(fields.get("data") ?? "null") as unknown }
      fields = new Map()
    }
  }
}

/** A line may be as long as the largest result; it is put together once. */
async function* lines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string, void, void> {
  const decoder = new TextDecoder()
  let begun: string[] = []
  for await (const chunk of chunks) {
    const [first = "", ...rest] = decoder.decode(chunk, { stream: true }).split("\n")
    begun.push(first)
    for (const next of rest) {
      yield begun.join("")
      begun = [next]
    }
  }
}
