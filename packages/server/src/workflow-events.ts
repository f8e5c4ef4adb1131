import type { DynamicWorkflow } from "@mayfly/platform"
import type { Context } from "hono"
import { streamSSE } from "hono/streaming"
import { errorBody, publicError } from "./error-response.ts"
import type { RequestSlots } from "./request-slots.ts"
import { type ServerLog, unexpected } from "./server-log.ts"
import { historyToJson, workflowToJson } from "./workflow-json.ts"

export interface FollowOptions {
  /** Each follower keeps its place until it goes. */
  readonly followers: RequestSlots
  readonly stopping: AbortSignal
  readonly log: ServerLog
}

const beatMs = 15_000

/** The history behind `cursor` and what happens then, as events `instance` and `step`; after the last one `end`, with the status. */
export function followWorkflow(
  c: Context,
  workflow: DynamicWorkflow,
  cursor: number,
  { followers, stopping, log }: FollowOptions,
): Response {
  const slot = followers.take()
  const gone = new AbortController()
  const signal = AbortSignal.any([gone.signal, c.req.raw.signal, stopping])
  return streamSSE(c, async (stream) => {
    stream.onAbort(() => gone.abort())
    const beat = setInterval(() => void stream.write(": still here\n\n"), beatMs)
    try {
      for await (const entry of workflow.subscribe({ cursor, signal })) {
        const data = JSON.stringify(historyToJson(entry))
        await stream.writeSSE({ id: String(entry.cursor), event: entry.type, data })
        if (signal.aborted) return
      }
      if (signal.aborted) return
      await stream.writeSSE({ event: "end", data: JSON.stringify(await workflowToJson(workflow)) })
    } catch (error) {
      const requestId = String(c.get("requestId"))
      const known = publicError(error)
      if (known !== error) log(unexpected(error, requestId))
      await stream.writeSSE({ event: "error", data: JSON.stringify(errorBody(known, requestId)) })
    } finally {
      clearInterval(beat)
      slot[Symbol.dispose]()
    }
  })
}
