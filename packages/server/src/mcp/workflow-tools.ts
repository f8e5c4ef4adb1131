import { pathSegment } from "@mayfly/protocol"
import type { McpServer } from "@modelcontextprotocol/server"
import { z } from "zod"
import type { McpOptions } from "./mcp-api.ts"
import { networkFor } from "./network-for.ts"
import { definedOf } from "./run-tool.ts"
import { answering, json, signalOf, toolResult } from "./tool-result.ts"

const duration = z.string().describe("Such as `30 seconds`, `1 hour`, `7 days`.")
const retries = z.object({
  limit: z.number().int().min(0),
  delay: duration.optional(),
  backoff: z.enum(["constant", "linear", "exponential"]).optional(),
})
const step = z.object({
  name: z.string(),
  code: z.string().optional().describe("A program as for run_code; its input is `input`."),
  input: z.unknown().optional().describe('JSON; `{ "$from": "step name" }` is the result of an earlier step.'),
  origins: z.array(z.string()).optional().describe("Origins that the code may reach, among those that are allowed."),
  sleep: duration.optional(),
  waitForEvent: z.string().optional().describe("The type of an event to wait for."),
  timeout: duration.optional(),
  retries: retries.optional(),
})
const workflowId = z.object({ id: z.string() })

type WorkflowJson = Readonly<Record<string, unknown>> & { readonly id: string; readonly status: string }

/** Tools for flows of several steps that outlive the agent. */
export function addWorkflowTools(server: McpServer, { api, allowedOrigins = [], baseUrl, command }: McpOptions): void {
  const at = (id: string, rest = ""): string => `/v1/workflows/${pathSegment(id)}${rest}`
  const shown = ({ waits, ...workflow }: WorkflowJson): Record<string, unknown> => ({
    ...workflow,
    waits: (Array.isArray(waits) ? (waits as { step: string; type: string; hook: string }[]) : []).map(
      ({ step: name, type, hook }) => ({
        step: name,
        type,
        ...(baseUrl === undefined ? {} : { link: `${baseUrl}${hook}` }),
      }),
    ),
  })
  const answer = (workflow: WorkflowJson): ReturnType<typeof toolResult> =>
    toolResult(json(shown(workflow)), shown(workflow))

  server.registerTool(
    "start_workflow",
    {
      title: "Start a workflow",
      description:
        "Starts steps that run one after the other, durably: with retries, sleeps and waits for people or webhooks; they go on after crashes and after this conversation. " +
        "The same id with the same steps attaches to the one that is there.",
      inputSchema: z.object({ id: z.string().optional(), steps: z.array(step).min(1), params: z.unknown().optional() }),
    },
    ({ id, steps, params }, context) =>
      answering(async () => {
        const given = steps.map(({ origins, ...one }) => {
          const network = networkFor({ origins, ask: false, allowed: allowedOrigins })
          return { ...definedOf(one), ...(one.code === undefined ? {} : { network }) }
        })
        const body = definedOf({ id, steps: given, params })
        return answer((await api.call("POST", "/v1/workflows", body, signalOf(context))) as WorkflowJson)
      }),
  )
  server.registerTool(
    "get_workflow",
    {
      title: "Look at a workflow",
      description: "Its status, output or error, and what it waits for, with links for people.",
      inputSchema: workflowId,
      annotations: { readOnlyHint: true },
    },
    ({ id }, context) =>
      answering(async () => answer((await api.call("GET", at(id), undefined, signalOf(context))) as WorkflowJson)),
  )
  server.registerTool(
    "workflow_history",
    {
      title: "History of a workflow",
      description: "Every attempt of every step, with inputs, outputs, errors and logs.",
      inputSchema: z.object({ id: z.string(), cursor: z.number().int().min(0).optional() }),
      annotations: { readOnlyHint: true },
    },
    ({ id, cursor = 0 }, context) =>
      answering(async () => {
        const path = at(id, `/history?limit=100&cursor=${cursor}`)
        const page = (await api.call("GET", path, undefined, signalOf(context))) as Record<string, unknown>
        return toolResult(json(page), page)
      }),
  )
  server.registerTool(
    "send_workflow_event",
    {
      title: "Send an event to a workflow",
      description: "Goes on with a step that waits for an event of this type, now or later.",
      inputSchema: z.object({ id: z.string(), type: z.string(), payload: z.unknown().optional() }),
    },
    ({ id, type, payload }, context) =>
      answering(async () => {
        const sent = await api.call("POST", at(id, "/events"), definedOf({ type, payload }), signalOf(context))
        return toolResult("sent", sent as Record<string, unknown>)
      }),
  )
  server.registerTool(
    "stop_workflow",
    {
      title: "Stop a workflow",
      description: "Ends it. With rollback, steps that can be undone are undone first.",
      inputSchema: z.object({ id: z.string(), rollback: z.boolean().optional() }),
      annotations: { destructiveHint: true },
    },
    ({ id, rollback = false }, context) =>
      answering(async () =>
        answer((await api.call("POST", at(id, "/terminate"), { rollback }, signalOf(context))) as WorkflowJson),
      ),
  )
  server.registerTool(
    "ask_for_approval",
    {
      title: "Ask a person for approval",
      description:
        "Makes a link (or a command) by which a person says yes or no to a question. Give it to the person, then look with get_workflow: `output.payload` is the answer when its status is complete.",
      inputSchema: z.object({ question: z.string().min(1).max(200), timeout: duration.optional() }),
    },
    ({ question, timeout = "1 day" }, context) =>
      answering(async () => {
        const body = { steps: [{ name: question, waitForEvent: "approval", timeout }] }
        const made = (await api.call("POST", "/v1/workflows", body, signalOf(context))) as WorkflowJson
        const asked = shown(await waiting(made, () => api.call("GET", at(made.id)) as Promise<WorkflowJson>))
        const [wait] = asked["waits"] as { link?: string }[]
        const send = `workflow send ${made.id} approval '{"approved":true}'`
        const place = wait?.link === undefined ? { command: command?.(send) ?? `mayfly ${send}` } : { link: wait.link }
        const how =
          wait?.link === undefined
            ? `Ask the person to type: ${place.command}`
            : `Ask the person to decide here: ${wait.link}`
        return toolResult(`${how}\nThen: get_workflow ${made.id}`, { id: made.id, ...place })
      }),
  )
}

/** The link is there when the step waits: the instance was stored before, and starts at once. */
async function waiting(made: WorkflowJson, look: () => Promise<WorkflowJson>): Promise<WorkflowJson> {
  let workflow = made
  for (let attempt = 0; attempt < 100; attempt++) {
    if (Array.isArray(workflow["waits"]) && workflow["waits"].length > 0) return workflow
    await new Promise((resolve) => setTimeout(resolve, 20))
    workflow = await look()
  }
  return workflow
}
