import type { Context } from "hono"
import type { Access } from "../auth/access.ts"
import type { ServerParts } from "./server-parts.ts"

/** One request to a route, its input checked. */
export interface Call<Params = unknown, Query = unknown, Body = unknown> {
  readonly c: Context
  readonly server: ServerParts
  readonly access: Access
  readonly params: Params
  readonly query: Query
  readonly body: Body
  /** The place and the body that the request takes. Given back after the handler, unless it moved them to what answers later. */
  readonly held: DisposableStack
  /** Fires when the client goes, the server stops, or the key ends. With an `Idempotency-Key` a client that went comes again: then it fires for the others. */
  readonly signal: AbortSignal
}

interface GivenCall extends Pick<Call, "access" | "params" | "query" | "body" | "held"> {
  readonly outlivesClient: boolean
}

export class RequestCall implements Call {
  readonly c: Context
  readonly server: ServerParts
  readonly access: Access
  readonly params: unknown
  readonly query: unknown
  readonly body: unknown
  readonly held: DisposableStack
  readonly #outlivesClient: boolean

  constructor(c: Context, server: ServerParts, given: GivenCall) {
    this.c = c
    this.server = server
    this.access = given.access
    this.params = given.params
    this.query = given.query
    this.body = given.body
    this.held = given.held
    this.#outlivesClient = given.outlivesClient
  }

  get signal(): AbortSignal {
    const client = this.#outlivesClient ? [] : [this.c.req.raw.signal]
    return AbortSignal.any([...client, this.server.stopping, this.access.ended])
  }
}
