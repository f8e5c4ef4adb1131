import type { InstanceStatus } from "@mayfly/protocol"
export type ControlOperation = "pause" | "resume" | "terminate" | "restart" | "send"

/** What an operation does: the state that follows, nothing because that is so already, or that it is too late. */
export type Control = { readonly to: InstanceStatus } | "nothing" | "ended"

const ended: ReadonlySet<InstanceStatus> = new Set(["complete", "errored", "terminated"])

export function isEnded(status: InstanceStatus): boolean {
  return ended.has(status)
}

/** The table of states and operations. */
export function control(status: InstanceStatus, operation: ControlOperation): Control {
  if (operation === "restart") return { to: "queued" }
  if (isEnded(status)) return "ended"
  switch (operation) {
    case "terminate":
      return { to: "terminated" }
    case "send":
      return "nothing"
    case "pause":
      if (status === "paused" || status === "waitingForPause") return "nothing"
      return { to: status === "running" ? "waitingForPause" : "paused" }
    case "resume":
      if (status === "paused") return { to: "queued" }
      return status === "waitingForPause" ? { to: "running" } : "nothing"
  }
}
