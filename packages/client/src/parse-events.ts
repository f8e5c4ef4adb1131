export interface EventMessage {
  readonly type: string
  readonly data: string
  readonly id?: string
}

/**
 * Server-sent events (WHATWG HTML, 9.2.6) of a body. Comments and `retry` are skipped. Not a library, because the one in question names its sources by
 * the same export condition as this repository does.
 */
export async function* parseEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<EventMessage, void, void> {
  let fields = new Map<string, string>()
  for await (const line of linesOf(body)) {
    if (line === "") {
      const data = fields.get("data")
      const id = fields.get("id")
      if (data !== undefined)
        yield { type: fields.get("event") ?? "message", data, ...(id === undefined ? {} : { id }) }
      fields = new Map()
      continue
    }
    const [, name = "", value = ""] = /^([^:]*)(?:: ?([^]*))?$/.exec(line) ?? []
    const before = name === "data" ? fields.get("data") : undefined
    fields.set(name, before === undefined ? value : `${before}\n${value}`)
  }
}

async function* linesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<string, void, void> {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  let rest = ""
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      const lines = (rest + decoder.decode(value, { stream: true })).split(/\r\n|\n|\r(?!$)/)
      rest = lines.pop() ?? ""
      yield* lines
    }
  } finally {
    await reader.cancel().catch(() => {})
  }
}
