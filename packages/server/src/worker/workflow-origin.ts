import type { WorkflowOrigin } from "@mayfly/platform"
import { currentOrigin } from "./modules/invocation.ts"

/** The request to the served worker that a create is part of; undefined for other creates, and for requests that can't be kept. */
export function workflowOrigin(): WorkflowOrigin | undefined {
  const origin = currentOrigin()
  if (origin === "again") return { kind: "again" }
  const text = origin?.text()
  return text === undefined ? undefined : { kind: "request", text }
}
