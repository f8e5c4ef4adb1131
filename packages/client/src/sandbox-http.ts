import { pathSegment } from "@mayfly/protocol"
import type { Call, Http } from "./http.ts"
import { eventError, eventsOf, followEvents, type ServerEvent } from "./server-events.ts"

export type Command = string | readonly string[]

export interface OutputChunk {
  readonly stream: "stdout" | "stderr"
  readonly text: string
}

/** Requests about one sandbox. */
export class SandboxHttp {
  readonly #http: Http
  readonly #prefix: string

  constructor(http: Http, id: string) {
    this.#http = http
    this.#prefix = `/v1/sandboxes/${pathSegment(id)}`
  }

  get http(): Http {
    return this.#http
  }

  json<T>(method: "GET" | "POST" | "PUT" | "DELETE", path: string, call: Call = {}): Promise<T> {
    return this.#http.json(method, `${this.#prefix}${path}`, call)
  }

  send(method: "GET" | "PUT" | "POST", path: string, call: Call = {}): Promise<Response> {
    return this.#http.send(method, `${this.#prefix}${path}`, call)
  }

  at(path: string, query: Call["query"] = {}): URL {
    return this.#http.at(`${this.#prefix}${path}`, query)
  }

  /** Events that go on behind the last one after a lost connection. */
  follow(path: string, call: Pick<Call, "query" | "signal">): AsyncGenerator<ServerEvent, void, void> {
    return followEvents(this.#http, `${this.#prefix}${path}`, call)
  }

  /** The events of one call. What it started on the server ends when the loop is left. */
  async *events(method: "GET" | "POST", path: string, call: Call): AsyncGenerator<ServerEvent, void, void> {
    const response = await this.send(method, path, { ...call, retry: false, accept: "text/event-stream" })
    for await (const event of eventsOf(response)) {
      if (event.type === "error") throw eventError(event.data)
      yield event
    }
  }
}
