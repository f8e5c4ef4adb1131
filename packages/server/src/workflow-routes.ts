import type { DynamicWorkflow, InstanceStatus, Platform } from "@mayfly/platform"
import type { Context } from "hono"
import type { ServerApp } from "./create-server.ts"
import { asRecord, checkFields, invalid } from "./parse-fields.ts"
import { type BodyLimits, readJsonBody } from "./read-json-body.ts"
import type { RequestSlots } from "./request-slots.ts"
import type { ServerLog } from "./server-log.ts"
import { taggedValue } from "./tagged-value.ts"
import { tenantOf } from "./tenant-of.ts"
import { parseWorkflowBody } from "./workflow-body.ts"
import { followWorkflow } from "./workflow-events.ts"
import { historyToJson, workflowToJson } from "./workflow-json.ts"

export interface WorkflowRoutesOptions {
  readonly platform: Platform
  readonly body: BodyLimits
  /** Requests that store or read much at once. */
  readonly slots: RequestSlots
  /** Readers that follow at once. */
  readonly followers: RequestSlots
  readonly stopping: AbortSignal
  readonly log: ServerLog
}

const prefix = "/v1/workflows"

/** `/v1/workflows`: what `env.WORKFLOWS` does, of one tenant at a time. */
export function addWorkflowRoutes(app: ServerApp, options: WorkflowRoutesOptions): void {
  const { platform, body: limits, slots } = options

  app.post(prefix, async (c) => {
    using _slot = slots.take()
    using body = await readJsonBody(c.req.raw, limits)
    const given = parseWorkflowBody(body.value)
    const binding = platform.workflows(tenantOf(given.tenant ?? c.req.query("tenant")))
    return c.json(await workflowToJson(await binding.create(given.options)))
  })

  app.get(prefix, async (c) => {
    const query = c.req.query()
    checkFields(query, ["tenant", "status", "cursor", "limit"], "")
    const { tenant, status, cursor, limit = "100" } = query
    const page = await platform.workflows(tenantOf(tenant)).list({
      limit: wholeNumber(limit, "limit"),
      // The library checks it.
      ...(status === undefined ? {} : { status: status as InstanceStatus }),
      ...(cursor === undefined ? {} : { cursor }),
    })
    return c.json(page)
  })

  app.get(`${prefix}/:id`, async (c) => c.json(await workflowToJson(await find(c, options))))

  app.get(`${prefix}/:id/history`, async (c) => {
    using _slot = slots.take()
    const cursor = wholeNumber(c.req.query("cursor") ?? "0", "cursor")
    const limit = wholeNumber(c.req.query("limit") ?? "100", "limit")
    if (limit < 1 || limit > 1_000) throw invalid("limit", "must be a whole number from 1 to 1000")
    const history = await (await find(c, options)).history({ cursor, limit })
    const last = history.at(-1)
    const next = history.length === limit && last !== undefined ? { cursor: String(last.cursor) } : {}
    return c.json({ history: history.map(historyToJson), ...next })
  })

  app.get(`${prefix}/:id/events`, async (c) => {
    const cursor = wholeNumber(c.req.header("last-event-id") ?? c.req.query("cursor") ?? "0", "Last-Event-ID")
    return followWorkflow(c, await find(c, options), cursor, options)
  })

  app.post(`${prefix}/:id/events`, async (c) => {
    using body = await readJsonBody(c.req.raw, limits)
    const { tenant, ...given } = asRecord(body.value, "the request body")
    checkFields(given, ["type", "payload", "eventId"], "")
    const { type, payload, eventId } = given as { type: string; payload?: unknown; eventId?: string }
    const workflow = await find(c, options, tenant)
    const event = { type, payload: taggedValue(payload, "payload"), ...(eventId === undefined ? {} : { eventId }) }
    return c.json(await workflow.sendEvent(event))
  })

  addControls(app, options)

  app.delete(`${prefix}/:id`, async (c) => {
    await (await find(c, options)).delete()
    return c.body(null, 204)
  })
}

type Control = (workflow: DynamicWorkflow, given: Record<string, unknown>) => Promise<void>

const controls: readonly { readonly name: string; readonly fields: readonly string[]; readonly act: Control }[] = [
  { name: "pause", fields: [], act: (workflow) => workflow.pause() },
  { name: "resume", fields: [], act: (workflow) => workflow.resume() },
  { name: "terminate", fields: ["rollback"], act: (workflow, given) => workflow.terminate(given) },
  { name: "restart", fields: ["from"], act: (workflow, given) => workflow.restart(given) },
]

function addControls(app: ServerApp, options: WorkflowRoutesOptions): void {
  for (const { name, fields, act } of controls) {
    app.post(`${prefix}/:id/${name}`, async (c) => {
      const { tenant, ...given } = await optionalBody(c, options.body)
      checkFields(given, fields, "")
      if (given["rollback"] !== undefined && typeof given["rollback"] !== "boolean")
        throw invalid("rollback", "must be true or false")
      const workflow = await find(c, options, tenant)
      await act(workflow, given)
      return c.json(await workflowToJson(workflow))
    })
  }
}

/** Rejects with `workflow.not-found`, also for an instance of another tenant. */
function find(c: Context, { platform }: WorkflowRoutesOptions, tenant?: unknown): Promise<DynamicWorkflow> {
  return platform.workflows(tenantOf(tenant ?? c.req.query("tenant"))).get(c.req.param("id") ?? "")
}

async function optionalBody(c: Context, limits: BodyLimits): Promise<Record<string, unknown>> {
  if (Number(c.req.header("content-length") ?? 0) === 0 && c.req.header("transfer-encoding") === undefined) return {}
  using body = await readJsonBody(c.req.raw, limits)
  return asRecord(body.value, "the request body")
}

function wholeNumber(text: string, path: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw invalid(path, "must be a whole number")
}
