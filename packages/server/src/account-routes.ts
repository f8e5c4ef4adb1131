import { type TenantChanges, type UsageGroup, type UsageQuery, comparePrices } from "@mayfly/platform"
import { z } from "zod"
import { invalid } from "./parse-fields.ts"
import { pageOf } from "./route/page-of.ts"
import { flag } from "./route/query-values.ts"
import { type Route, route } from "./route/route.ts"
import { budget, quota, tenantInfo, usageReport } from "./schema/account.ts"
import { nextCursor, pageQuery, tenantField } from "./schema/common.ts"

const params = z.object({ id: z.string().describe("The tenant's name.") })
const groups = ["tenant", "worker", "day"]
const day = z.string().regex(/^\d{4}-\d{2}-\d{2}$/, "must be a day, such as 2026-11-23")

/** What tenants use and may use. */
export const accountRoutes: readonly Route[] = [
  route({
    method: "get",
    path: "/v1/usage",
    scope: "any",
    tag: "Usage",
    summary: "What tenants used",
    description: "Runs count when they end. With `Accept: text/csv` all rows as CSV.",
    query: pageQuery.extend({
      tenant: tenantField.describe("Default: the key's own; for an admin key of all tenants, all."),
      from: day.optional().describe("First UTC day. Default: the first of the month."),
      to: day.optional().describe("Last UTC day. Default: today."),
      by: z.string().optional().describe("tenant, worker, day, or several with commas. Default tenant."),
      compare: flag().optional().describe("Add what it would cost at published prices of hosted services."),
    }),
    answer: { description: "A page of rows, and the sum of all.", json: usageReport, media: ["text/csv"] },
    async handle({ c, server, access, query: { tenant, by = "tenant", compare = false, ...query } }) {
      const filter = access.tenantFilter(tenant)
      const wanted = Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined))
      const given: UsageQuery = { ...wanted, by: groupsOf(by), ...(filter === undefined ? {} : { tenant: filter }) }
      const { usage } = server.platform
      if (/\btext\/csv\b/.test(c.req.header("accept") ?? ""))
        return c.body(csvBody(usage.csv(given)), 200, { "content-type": "text/csv; charset=utf-8" })
      const { cursor, ...report } = await usage.query(given)
      return {
        ...report,
        ...(compare ? { compared: comparePrices(report.total) } : {}),
        ...(cursor === null ? {} : { cursor }),
      }
    },
  }),
  route({
    method: "get",
    path: "/v1/tenants",
    scope: "admin",
    wholeServer: true,
    tag: "Tenants",
    summary: "List tenants that have used something, or for which something is set",
    query: pageQuery.omit({ tenant: true }),
    answer: { description: "A page of tenants.", json: z.object({ tenants: z.array(tenantInfo), cursor: nextCursor }) },
    async handle({ server, query }) {
      const { entries, ...next } = pageOf(await server.platform.tenants.list(), query, ({ id }) => id)
      return { tenants: entries, ...next }
    },
  }),
  route({
    method: "get",
    path: "/v1/tenants/:id",
    scope: "any",
    tag: "Tenants",
    summary: "Look at a tenant: quota, budget, what it used, whether it is suspended",
    params,
    answer: { description: "The tenant.", json: tenantInfo },
    handle: ({ server, access, params: { id } }) => server.platform.tenants.get(access.tenant(id)),
  }),
  route({
    method: "put",
    path: "/v1/tenants/:id",
    scope: "admin",
    wholeServer: true,
    tag: "Tenants",
    summary: "Set a tenant's quota and budget, suspend it, or let it go on",
    description:
      "What is not given stays; quota and budget are replaced as a whole. Suspending ends its runs, holds its workflows and stops its sandboxes, and lasts until it is lifted.",
    params,
    body: z.strictObject({
      quota: quota.optional(),
      budget: budget.optional(),
      suspended: z.boolean().optional(),
      reason: z.string().max(500).optional().describe("With `suspended: true`: shown with each refusal."),
    }),
    answer: { description: "The tenant.", json: tenantInfo },
    async handle({ server, params: { id }, body: { quota: given, budget: allowed, suspended, reason = "" } }) {
      const { tenants } = server.platform
      const changes = {
        ...(given === undefined ? {} : { quota: given }),
        ...(allowed === undefined ? {} : { budget: allowed }),
      }
      if (Object.keys(changes).length > 0) await tenants.set(id, changes as TenantChanges)
      if (suspended === true) return tenants.suspend(id, reason)
      return suspended === false ? tenants.resume(id) : tenants.get(id)
    },
  }),
]

/** Read no faster than the client takes it. */
function csvBody(lines: AsyncIterable<string>): ReadableStream {
  return ReadableStream.from(lines).pipeThrough(new TextEncoderStream())
}

function groupsOf(text: string): readonly UsageGroup[] {
  const names = text.split(",")
  for (const name of names) if (!groups.includes(name)) throw invalid("by", `must be of ${groups.join(", ")}`)
  return names as UsageGroup[]
}
