import type { Approval, ApprovalDesk, Decision } from "@mayfly/platform"
import { MayflyError } from "@mayfly/protocol"
import { z } from "zod"
import { approvalEvents } from "./approval-events.ts"
import type { Access } from "./auth/access.ts"
import { type Route, route } from "./route/route.ts"
import { approval, approvalScope, approvalStatus } from "./schema/approval.ts"
import { nextCursor, opaque, pageQuery } from "./schema/common.ts"
import { wantsEvents } from "./wants-events.ts"

const params = z.object({ id: z.string() })

const decisionBody = z
  .strictObject({
    scope: opaque(approvalScope.describe("For what it counts. Default once.")).optional(),
    expiresInMs: opaque(z.int().describe("For how long it counts. Default one hour.")).optional(),
    by: z.string().optional().describe("Who decides. Default: the name of the key."),
  })
  .meta({ id: "ApprovalDecision" })

/** Questions of programs that a policy lets ask, and people's answers. */
export const approvalRoutes: readonly Route[] = [
  route({
    method: "get",
    path: "/v1/approvals",
    scope: "ledger",
    tag: "Approvals",
    summary: "List approvals, the newest first",
    description:
      "As events: those that there are, the oldest first, then each that is asked or decided. After a lost connection ask again: the stream starts with how things stand.",
    query: pageQuery.extend({ status: approvalStatus.optional() }),
    place: "followers",
    answer: {
      description: "A page of approvals.",
      json: z.object({ approvals: z.array(approval), cursor: nextCursor }),
      events: { approval },
    },
    async handle(call) {
      const { c, server, access, query } = call
      const { status, cursor, limit = 100 } = query
      const tenant = access.tenantFilter(query.tenant)
      const filter = { limit, ...(tenant === undefined ? {} : { tenant }), ...(status === undefined ? {} : { status }) }
      if (wantsEvents(c.req.header("accept"))) return approvalEvents(call, filter)
      const approvals = await server.platform.approvals.list({ ...filter, ...(cursor === undefined ? {} : { cursor }) })
      const last = approvals.at(-1)
      return { approvals, ...(approvals.length === limit && last !== undefined ? { cursor: last.id } : {}) }
    },
  }),
  route({
    method: "get",
    path: "/v1/approvals/:id",
    scope: "ledger",
    tag: "Approvals",
    summary: "Look at an approval",
    params,
    answer: { description: "The approval.", json: approval },
    errors: ["mesh.approval-unknown"],
    handle: ({ server, access, params: { id } }) => find(server.platform.approvals, access, id),
  }),
  ...(["allow", "deny"] as const).map((decision) =>
    route({
      method: "post",
      path: `/v1/approvals/:id/${decision}`,
      scope: "admin",
      tag: "Approvals",
      summary: decision === "allow" ? "Say yes to a question" : "Say no to a question",
      params,
      body: decisionBody,
      isBodyOptional: true,
      answer: { description: "The decided approval.", json: approval },
      errors: ["mesh.approval-unknown"],
      async handle({ server, access, params: { id }, body }) {
        const given = { by: access.name, ...body, decision } as Decision
        const own = access.ownTenant === null ? {} : { tenant: access.ownTenant }
        return server.platform.approvals.decide(id, { ...given, ...own })
      },
    }),
  ),
]

/** Another tenant's is not there. */
async function find(approvals: ApprovalDesk, access: Access, id: string): Promise<Approval> {
  const found = await approvals.get(id)
  if (found !== null && access.reaches(found.tenant)) return found
  throw new MayflyError("mesh.approval-unknown", `there is no approval "${id.slice(0, 100)}"`)
}
