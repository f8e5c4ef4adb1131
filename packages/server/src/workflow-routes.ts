import type { DynamicWorkflow, InstanceStatus } from "@mayfly/platform"
import type { StepPlace } from "@mayfly/protocol"
import { z } from "zod"
import type { Call } from "./route/call.ts"
import { wholeNumber } from "./route/query-values.ts"
import { type Route, route } from "./route/route.ts"
import { nextCursor, opaque, pageQuery, taggedSchema, tenantField, tenantQuery } from "./schema/common.ts"
import { historyEntry, instanceStatus, workflow, workflowRequest, workflowUpgrade } from "./schema/workflow.ts"
import { taggedValue } from "./tagged-value.ts"
import { parseWorkflowBody } from "./workflow-body.ts"
import { followWorkflow } from "./workflow-events.ts"
import { historyToJson, workflowToJson } from "./workflow-json.ts"
import { documented } from "./route/documented.ts"
import { resumePoint } from "./event-stream.ts"
import { invalid } from "./parse-fields.ts"

const tag = "Workflows"
const scope = "workflows"
const params = z.object({ id: z.string() })
const stepPlace = z
  .union([z.string(), z.strictObject({ name: z.string(), count: z.int().optional(), type: z.string().optional() })])
  .describe("The step to begin with.")
const aPosition = wholeNumber(0, Number.MAX_SAFE_INTEGER).optional()

/** What `env.WORKFLOWS` does, of one tenant at a time. */
export const workflowRoutes: readonly Route[] = [
  route({
    method: "post",
    path: "/v1/workflows",
    scope,
    tag,
    summary: "Create and start a workflow",
    description:
      "The same id with the same content gives the one that is there. Steps that are functions can't be sent.",
    place: "requests",
    query: tenantQuery,
    body: documented(z.record(z.string(), z.unknown()), workflowRequest),
    answer: { description: "The instance.", json: workflow },
    errors: ["workflow.exists", "worker.syntax", "worker.code-too-large"],
    async handle({ server, access, query, body }) {
      const given = parseWorkflowBody(body)
      const binding = server.platform.workflows(access.tenant(given.tenant === undefined ? query.tenant : given.tenant))
      return workflowToJson(await binding.create(given.options))
    },
  }),
  route({
    method: "get",
    path: "/v1/workflows",
    scope,
    tag,
    summary: "List workflows, the newest first",
    query: pageQuery.extend({ status: opaque(instanceStatus).optional() }),
    answer: {
      description: "A page of instances.",
      json: z.object({
        workflows: z.array(z.object({ id: z.string(), status: instanceStatus, createdAt: z.int() })),
        cursor: nextCursor,
      }),
    },
    handle({ server, access, query }) {
      const { tenant, limit = 100, status, cursor } = query
      return server.platform.workflows(access.tenant(tenant)).list({
        limit,
        // The library checks it.
        ...(status === undefined ? {} : { status: status as InstanceStatus }),
        ...(cursor === undefined ? {} : { cursor }),
      })
    },
  }),
  route({
    method: "get",
    path: "/v1/workflows/:id",
    scope,
    tag,
    summary: "Look at a workflow",
    params,
    query: tenantQuery,
    answer: { description: "The instance.", json: workflow },
    errors: ["workflow.not-found"],
    handle: async (call) => workflowToJson(await find(call, call.query.tenant)),
  }),
  route({
    method: "get",
    path: "/v1/workflows/:id/history",
    scope,
    tag,
    summary: "List what happened in a workflow, the oldest first",
    place: "requests",
    params,
    query: pageQuery.extend({ cursor: aPosition }),
    answer: {
      description: "A page of its history.",
      json: z.object({ history: z.array(historyEntry), cursor: nextCursor }),
    },
    errors: ["workflow.not-found"],
    async handle(call) {
      const { tenant, cursor = 0, limit = 100 } = call.query
      const history = await (await find(call, tenant)).history({ cursor, limit })
      const last = history.at(-1)
      const next = history.length === limit && last !== undefined ? { cursor: String(last.cursor) } : {}
      return { history: history.map(historyToJson), ...next }
    },
  }),
  route({
    method: "get",
    path: "/v1/workflows/:id/events",
    scope,
    tag,
    summary: "Follow a workflow",
    description: "The history behind `Last-Event-ID` or `cursor`, what happens then, and at its end an event `end`.",
    place: "workflowFollowers",
    params,
    query: tenantQuery.extend({ cursor: aPosition }),
    answer: {
      description: "Events until it ends.",
      events: { instance: historyEntry, step: historyEntry, end: workflow },
    },
    errors: ["workflow.not-found"],
    async handle(call) {
      const { tenant, cursor } = call.query
      const from = resumePoint(call, cursor === undefined ? undefined : String(cursor)) ?? "0"
      if (!/^\d{1,15}$/.test(from)) throw invalid("Last-Event-ID", "must be a whole number")
      return followWorkflow(call, await find(call, tenant), Number(from))
    },
  }),
  route({
    method: "post",
    path: "/v1/workflows/:id/events",
    scope,
    tag,
    summary: "Send a workflow an event",
    params,
    query: tenantQuery,
    body: z.strictObject({
      type: z.string(),
      payload: opaque(taggedSchema).optional(),
      eventId: z.string().optional().describe("The same id twice counts once."),
      tenant: tenantField,
    }),
    answer: { description: "It is stored.", json: z.object({ isDuplicate: z.boolean() }) },
    errors: ["workflow.not-found", "workflow.ended", "workflow.too-many-events"],
    async handle(call) {
      const { tenant = call.query.tenant, type, payload, eventId } = call.body
      const event = {
        type,
        payload: taggedValue(payload, "payload"),
        ...(eventId === undefined ? {} : { eventId }),
      }
      return (await find(call, tenant)).sendEvent(event)
    },
  }),
  ...controls(),
  route({
    method: "post",
    path: "/v1/workflows/:id/fork",
    scope,
    tag,
    summary: "Start another workflow that has this one's results before a step",
    place: "requests",
    params,
    query: tenantQuery,
    body: z.strictObject({
      from: opaque(stepPlace),
      changes: documented(z.record(z.string(), z.unknown()), workflowRequest)
        .optional()
        .describe("Other params, steps, script or id."),
      tenant: tenantField,
    }),
    answer: { description: "The other one.", json: workflow },
    errors: ["workflow.not-found", "workflow.exists", "workflow.no-such-step", "worker.syntax"],
    async handle(call) {
      const { tenant = call.query.tenant, from, changes } = call.body
      const instance = await find(call, tenant)
      const { options } = parseWorkflowBody(changes ?? {})
      return workflowToJson(await instance.fork(from as StepPlace, options))
    },
  }),
  route({
    method: "post",
    path: "/v1/workflows/:id/upgrade",
    scope,
    tag,
    summary: "Give a workflow other code for the rest of its life",
    description: "Its history is replayed against the new code first; when that goes another way, the old code stays.",
    place: "requests",
    params,
    query: tenantQuery,
    body: documented(z.record(z.string(), z.unknown()), workflowUpgrade),
    answer: { description: "The instance.", json: workflow },
    errors: ["workflow.not-found", "workflow.ended", "workflow.nondeterminism", "worker.syntax"],
    async handle(call) {
      const given = parseWorkflowBody(call.body)
      const tenant = given.tenant === undefined ? call.query.tenant : given.tenant
      for (const name of ["id", "params"])
        if (Object.hasOwn(call.body, name)) throw invalid(name, "stays what it is: an upgrade changes the code alone")
      const instance = await find(call, tenant as string | undefined)
      await instance.upgrade(given.options)
      return workflowToJson(instance)
    },
  }),
  route({
    method: "delete",
    path: "/v1/workflows/:id",
    scope,
    tag,
    summary: "Delete a workflow and all it left",
    description: "Terminates it first when it has not ended.",
    params,
    query: tenantQuery,
    answer: { description: "It is gone." },
    errors: ["workflow.not-found"],
    async handle(call) {
      await (await find(call, call.query.tenant)).delete()
    },
  }),
]

function controls(): readonly Route[] {
  const tenant = tenantField
  return [
    control("pause", "Pause a workflow", z.strictObject({ tenant }), (instance) => instance.pause()),
    control("resume", "Resume a workflow", z.strictObject({ tenant }), (instance) => instance.resume()),
    control(
      "terminate",
      "End a workflow",
      z.strictObject({ tenant, rollback: z.boolean().optional().describe("Undo what was done.") }),
      (instance, given) => instance.terminate(given),
    ),
    control(
      "restart",
      "Run a workflow again",
      z.strictObject({ tenant, from: opaque(stepPlace).optional() }),
      (instance, given) => instance.restart(given),
    ),
  ]
}

function control<Body extends z.ZodType<{ tenant?: string | undefined }>>(
  name: string,
  summary: string,
  body: Body,
  act: (instance: DynamicWorkflow, given: Record<string, unknown>) => Promise<void>,
): Route {
  return route({
    method: "post",
    path: `/v1/workflows/:id/${name}`,
    scope,
    tag,
    summary,
    params,
    query: tenantQuery,
    body,
    isBodyOptional: true,
    answer: { description: "The instance.", json: workflow },
    errors: ["workflow.not-found", "workflow.ended", "workflow.no-such-step"],
    async handle(call) {
      const { tenant = call.query.tenant, ...given } = call.body
      const instance = await find(call, tenant)
      await act(instance, given)
      return workflowToJson(instance)
    },
  })
}

/** Rejects with `workflow.not-found`, also for an instance of another tenant. */
function find(
  { server, access, params: { id } }: Call<{ readonly id: string }>,
  tenant: string | undefined,
): Promise<DynamicWorkflow> {
  return server.platform.workflows(access.tenant(tenant)).get(id)
}
