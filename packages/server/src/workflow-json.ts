import type { DynamicWorkflow, HistoryEntry } from "@mayfly/platform"
import { toTaggedJson } from "@mayfly/protocol"

/** An instance as the API shows it: its status, values as tagged JSON, and where the events that it waits for can be sent without a key. */
export async function workflowToJson(workflow: DynamicWorkflow): Promise<Record<string, unknown>> {
  const { output, waits, ...status } = await workflow.status()
  return {
    id: workflow.id,
    ...status,
    ...(output === undefined ? {} : { output: toTaggedJson(output) }),
    waits: waits.map((wait) => ({ ...wait, hook: `/v1/hooks/${wait.token}` })),
  }
}

export function historyToJson(entry: HistoryEntry): unknown {
  return toTaggedJson(entry)
}
