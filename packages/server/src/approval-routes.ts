import type { ApprovalDesk, Decision } from "@mayfly/platform"
import { MayflyError } from "@mayfly/protocol"
import type { Context } from "hono"
import type { ServerApp } from "./create-server.ts"
import { approvalEvents, type ApprovalEventsOptions } from "./approval-events.ts"
import { asRecord, checkFields, invalid } from "./parse-fields.ts"
import { type BodyLimits, readJsonBody } from "./read-json-body.ts"
import { wantsEvents } from "./wants-events.ts"

const statuses = ["pending", "allowed", "denied", "expired"] as const

/** `/v1/approvals`: questions of programs that a policy lets ask, and people's answers. */
export function addApprovalRoutes(
  app: ServerApp,
  approvals: ApprovalDesk,
  limits: BodyLimits,
  events: Omit<ApprovalEventsOptions, "approvals">,
): void {
  app.get("/v1/approvals", async (c) => {
    const { tenant, status, limit = "100" } = c.req.query()
    if (!/^\d{1,4}$/.test(limit)) throw invalid("limit", "must be a whole number from 1 to 1000")
    const wanted = statuses.find((one) => one === status)
    if (status !== undefined && wanted === undefined) throw invalid("status", `must be one of ${statuses.join(", ")}`)
    const query = {
      limit: Number(limit),
      ...(tenant === undefined ? {} : { tenant }),
      ...(wanted === undefined ? {} : { status: wanted }),
    }
    if (wantsEvents(c.req.header("accept"))) return approvalEvents(c, query, { ...events, approvals })
    return c.json({ approvals: await approvals.list(query) })
  })

  app.get("/v1/approvals/:id", async (c) => {
    const approval = await approvals.get(c.req.param("id"))
    if (approval !== null) return c.json(approval)
    throw new MayflyError("mesh.approval-unknown", `there is no approval "${c.req.param("id").slice(0, 100)}"`)
  })

  for (const decision of ["allow", "deny"] as const) {
    app.post(`/v1/approvals/:id/${decision}`, async (c) => {
      const given = { ...(await decisionOf(c, limits)), decision }
      return c.json(await approvals.decide(c.req.param("id"), given))
    })
  }
}

/** The desk checks the values. */
async function decisionOf(c: Context, limits: BodyLimits): Promise<Omit<Decision, "decision">> {
  if (Number(c.req.header("content-length") ?? 0) === 0 && c.req.header("transfer-encoding") === undefined) return {}
  using body = await readJsonBody(c.req.raw, limits)
  const given = asRecord(body.value, "the request body")
  checkFields(given, ["scope", "expiresInMs", "by"], "")
  if (given["by"] !== undefined && typeof given["by"] !== "string") throw invalid("by", "must be a text")
  return given
}
