import type { LedgerQuery, Platform } from "@mayfly/platform"
import { MayflyError } from "@mayfly/protocol"
import type { Context, Handler } from "hono"
import { eventStream } from "./event-stream.ts"
import { invalid } from "./parse-fields.ts"
import type { RequestSlots } from "./request-slots.ts"
import type { ServerLog } from "./server-log.ts"
import { wantsEvents } from "./wants-events.ts"

export interface LedgerRouteOptions {
  readonly platform: Platform
  /** Readers at once; each one that follows keeps its place until it goes. */
  readonly slots: RequestSlots
  readonly stopping: AbortSignal
  readonly log: ServerLog
}

const known = ["tenant", "run", "decision", "origin", "since", "until", "cursor", "limit"]

/** `GET /v1/ledger`: a page of rows; as events, rows as they come. */
export function ledgerRoute(options: LedgerRouteOptions): Handler {
  return async (c) => {
    using held = new DisposableStack()
    held.use(options.slots.take())
    const query = parseQuery(c.req.queries())
    if (wantsEvents(c.req.header("accept"))) return follow(c, query, options, held.move())
    return c.json(await options.platform.ledger.query(query))
  }
}

/** `GET /v1/ledger/verify`: whether the chain is what was written. */
export function verifyLedgerRoute({ platform, slots }: LedgerRouteOptions): Handler {
  return async (c) => {
    using _slot = slots.take()
    return c.json(await platform.ledger.verify({ signal: c.req.raw.signal }))
  }
}

/** `GET /v1/ledger/summary?run=ID`: what a run did, in words. */
export function summarizeLedgerRoute({ platform, slots }: LedgerRouteOptions): Handler {
  return async (c) => {
    using _slot = slots.take()
    const { run } = parseQuery(c.req.queries())
    if (run === undefined) throw invalid("run", "is missing")
    return c.json(await platform.ledger.summary(run))
  }
}

function follow(c: Context, query: LedgerQuery, options: LedgerRouteOptions, held: Disposable): Response {
  const { limit: _, ...filter } = query
  const cursor = c.req.header("last-event-id") ?? filter.cursor
  const { platform, stopping, log } = options
  return eventStream(c, { held, stopping, log }, async function* (signal) {
    const rows = platform.ledger.follow({ ...filter, ...(cursor === undefined ? {} : { cursor }), signal })
    for await (const { row, cursor: id } of rows) yield { id, event: "row", data: JSON.stringify(row) }
  })
}

/** The ledger checks the values; here are only names and numbers. */
function parseQuery(given: Record<string, string[]>): LedgerQuery {
  const query: Record<string, string | number> = {}
  for (const [name, values] of Object.entries(given)) {
    if (!known.includes(name)) throw invalid(name, `is not a parameter; the parameters are ${known.join(", ")}`)
    const [value = ""] = values
    if (values.length > 1) throw invalid(name, "is given more than once")
    query[name] = name === "since" || name === "until" || name === "limit" ? toNumber(name, value) : value
  }
  return query as LedgerQuery
}

function toNumber(name: string, value: string): number {
  if (/^\d{1,15}$/.test(value)) return Number(value)
  const time = name === "limit" ? NaN : Date.parse(value)
  if (!Number.isNaN(time)) return time
  throw new MayflyError("input.invalid", `${name} must be a number${name === "limit" ? "" : " or a date"}`, {
    details: { path: name },
  })
}
