export interface SentEvent {
  readonly id?: string
  readonly event: string
  readonly data: unknown
}

/** Server-sent events of the API, until the server ends them. */
export async function* follow(url: string, key: string, lastEventId?: string): AsyncGenerator<SentEvent> {
  const last = lastEventId === undefined ? {} : { "last-event-id": lastEventId }
  const headers = { authorization: `Bearer ${key}`, accept: "text/event-stream", ...last }
  const response = await fetch(url, { headers })
  if (response.status !== 200 || response.body === null) throw new Error(await response.text())
  let text = ""
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    text += chunk
    const blocks = text.split("\n\n")
    text = blocks.pop() ?? ""
    for (const block of blocks) {
      const fields = new Map(
        block.split("\n").map((line) => [line.split(": ", 1)[0] ?? "", line.replace(/^\w+: /, "")]),
      )
      const [id, event, data] = ["id", "event", "data"].map((name) => fields.get(name))
      if (event !== undefined) yield { event, data: JSON.parse(data ?? "null"), ...(id === undefined ? {} : { id }) }
    }
  }
}
