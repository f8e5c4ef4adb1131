import type { DynamicWorkflow } from "@mayfly/platform"
import { eventStream } from "./event-stream.ts"
import type { Call } from "./route/call.ts"
import { historyToJson, workflowToJson } from "./workflow-json.ts"

/** The history behind `cursor` and what happens then, as events `instance` and `step`; after the last one `end`, with the status. */
export function followWorkflow(call: Call, workflow: DynamicWorkflow, cursor: number): Response {
  return eventStream(
    call,
    async ({ send, signal }) => {
      for await (const entry of workflow.subscribe({ cursor, signal })) {
        await send({ id: String(entry.cursor), event: entry.type, data: JSON.stringify(historyToJson(entry)) })
        if (signal.aborted) return
      }
      if (!signal.aborted) await send({ event: "end", data: JSON.stringify(await workflowToJson(workflow)) })
    },
    { isResumable: true },
  )
}
