import { pathSegment, type ServerEvent } from "@mayfly/protocol"
import { checkedEventsOf, followEvents } from "./follow-events.ts"
import type { Call, Http } from "./http.ts"

/** Requests about one sandbox. */
export class SandboxHttp {
  readonly http: Http
  readonly prefix: string

  constructor(http: Http, id: string) {
    this.http = http
    this.prefix = `/v1/sandboxes/${pathSegment(id)}`
  }

  json<T extends object>(method: "GET" | "POST" | "PUT" | "DELETE", path: string, call: Call = {}): Promise<T> {
    return this.http.json(method, `${this.prefix}${path}`, call)
  }

  /** A list that is given whole. */
  async list<T>(path: string, name: string, query: Call["query"] = {}): Promise<readonly T[]> {
    return (await this.http.page<T>(`${this.prefix}${path}`, name, { query })).entries
  }

  send(method: "GET" | "PUT" | "POST", path: string, call: Call = {}): Promise<Response> {
    return this.http.send(method, `${this.prefix}${path}`, call)
  }

  at(path: string, query: Call["query"] = {}): URL {
    return this.http.at(`${this.prefix}${path}`, query)
  }

  /** Events that go on behind the last one after a lost connection. */
  follow(path: string, call: Pick<Call, "query" | "signal">): AsyncGenerator<ServerEvent, void, void> {
    return followEvents(this.http, `${this.prefix}${path}`, call)
  }

  /** The events of one call. What it started on the server ends when the loop is left. */
  async *events(method: "GET" | "POST", path: string, call: Call): AsyncGenerator<ServerEvent, void, void> {
    const response = await this.send(method, path, { ...call, retry: false, accept: "text/event-stream" })
    yield* checkedEventsOf(response)
  }
}
