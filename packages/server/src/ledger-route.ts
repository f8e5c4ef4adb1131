import type { LedgerQuery } from "@mayfly/platform"
import { z } from "zod"
import { eventStream, resumePoint } from "./event-stream.ts"
import type { Call } from "./route/call.ts"
import { time } from "./route/query-values.ts"
import { route } from "./route/route.ts"
import { pageQuery } from "./schema/common.ts"
import { recordedRow, runSummary, verification } from "./schema/ledger.ts"
import { wantsEvents } from "./wants-events.ts"

const filter = pageQuery.extend({
  run: z.string().optional().describe("The id of a run."),
  decision: z.enum(["allow", "deny", "ask"]).optional(),
  origin: z.string().optional(),
  since: time().optional().describe("Recorded at this time or later."),
  until: time().optional().describe("Recorded at this time or earlier."),
})

export const ledgerRoutes = [
  route({
    method: "get",
    path: "/v1/ledger",
    scope: "ledger",
    tag: "Ledger",
    summary: "List egress attempts, the newest first",
    description:
      "As events: a row as it begins, and again when its outcome is known, behind `Last-Event-ID` or `cursor`, else from now on.",
    place: "followers",
    query: filter,
    answer: {
      description: "A page of rows.",
      json: z.object({
        rows: z.array(recordedRow),
        next: z.string().nullable().describe("The cursor of the next page, null on the last one."),
        latest: z.string().describe("Following from here misses nothing."),
      }),
      events: { row: recordedRow },
    },
    async handle(call) {
      const { c, server, query } = call
      const wanted = filterOf(call)
      if (wantsEvents(c.req.header("accept"))) return follow(call, wanted)
      return server.platform.ledger.query({ ...wanted, ...(query.limit === undefined ? {} : { limit: query.limit }) })
    },
  }),
  route({
    method: "get",
    path: "/v1/ledger/verify",
    scope: "ledger",
    wholeServer: true,
    tag: "Ledger",
    summary: "Recompute the chain of hashes",
    description: "Takes about a second per 100,000 entries.",
    place: "followers",
    answer: { description: "Whether it is what was written.", json: verification },
    handle: ({ c, server }) => server.platform.ledger.verify({ signal: c.req.raw.signal }),
  }),
  route({
    method: "get",
    path: "/v1/ledger/summary",
    scope: "ledger",
    tag: "Ledger",
    summary: "Say in words what a run did",
    place: "followers",
    query: filter.extend({ run: z.string().describe("The id of the run.") }),
    answer: { description: "What it did.", json: runSummary },
    async handle(call) {
      const { ledger } = call.server.platform
      const { tenant } = filterOf(call)
      const { run } = call.query
      // To others the run is one that did nothing, as is one that never was.
      const isTheirs = tenant === undefined || (await ledger.query({ tenant, run, limit: 1 })).rows.length > 0
      return isTheirs ? ledger.summary(run) : { ...nothing, runId: run, text: `${run} reached for nothing.` }
    },
  }),
]

const nothing = { attempts: 0, refused: 0, bytesIn: 0, bytesOut: 0, lines: [] }

function filterOf({ access, query }: Call<unknown, z.output<typeof filter>>): LedgerQuery {
  const { tenant, limit: _, ...rest } = query
  const own = access.tenantFilter(tenant)
  return { ...rest, ...(own === undefined ? {} : { tenant: own }) } as LedgerQuery
}

function follow(call: Call, { cursor: given, ...wanted }: LedgerQuery): Response {
  const cursor = resumePoint(call, given)
  const start = cursor === undefined ? {} : { cursor }
  return eventStream(
    call,
    async ({ send, signal }) => {
      const rows = call.server.platform.ledger.follow({ ...wanted, ...start, signal })
      for await (const { row, cursor: id } of rows) await send({ id, event: "row", data: JSON.stringify(row) })
    },
    { isResumable: true },
  )
}
