import { toTaggedJson } from "@mayfly/protocol"
import { z } from "zod"
import { time, wholeNumber } from "./route/query-values.ts"
import { type Route, route } from "./route/route.ts"
import { listedRun, runDetails, runStatus } from "./schema/account.ts"
import { nextCursor, pageQuery, tenantQuery } from "./schema/common.ts"

const tag = "Runs"
const scope = "run"
const params = z.object({ id: z.string() })

/** Runs under way, and those that are over. */
export const historyRoutes: readonly Route[] = [
  route({
    method: "get",
    path: "/v1/runs",
    scope,
    tag,
    summary: "List runs: those under way, then the one that ended last",
    query: pageQuery.extend({
      status: runStatus.optional(),
      worker: z.string().max(200).optional().describe("A name or a content hash."),
      since: time().optional(),
      limit: wholeNumber(1, 1_000).optional(),
    }),
    answer: { description: "A page of runs.", json: z.object({ runs: z.array(listedRun), cursor: nextCursor }) },
    async handle({ server, access, query: { tenant, ...query } }) {
      const filter = access.tenantFilter(tenant)
      const given = Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined))
      const { runs, cursor } = await server.platform.runs.list({
        ...given,
        ...(filter === undefined ? {} : { tenant: filter }),
      })
      return { runs, ...(cursor === null ? {} : { cursor }) }
    },
  }),
  route({
    method: "get",
    path: "/v1/runs/:id",
    scope,
    tag,
    summary: "Look at a run",
    params,
    query: tenantQuery,
    answer: { description: "The run, its logs cut when they are long.", json: runDetails },
    errors: ["run.not-found"],
    async handle({ server, access, params: { id }, query }) {
      const { error, result, ...run } = await server.platform.runs.get(id, ofTenant(access.tenantFilter(query.tenant)))
      return {
        ...run,
        ...(error === undefined ? {} : { error: error.toJSON() }),
        ...(result === undefined ? {} : { result: toTaggedJson(result) }),
      }
    },
  }),
  route({
    method: "post",
    path: "/v1/runs/:id/cancel",
    scope,
    tag,
    summary: "Cancel a run, also one that waits",
    description: "It ends as `worker.aborted`.",
    params,
    query: tenantQuery,
    answer: { description: "It ends.", json: z.object({ id: z.string() }) },
    errors: ["run.not-found", "run.ended"],
    async handle({ server, access, params: { id }, query }) {
      await server.platform.runs.cancel(id, ofTenant(access.tenantFilter(query.tenant)))
      return { id }
    },
  }),
]

function ofTenant(tenant: string | undefined): { readonly tenant?: string } {
  return tenant === undefined ? {} : { tenant }
}
