import { type RunEvent, runToJson } from "@mayfly/platform"
import { toTaggedJson } from "@mayfly/protocol"

/** One server-sent event: the JSON form of what `worker.stream` yields. */
export function eventToMessage(event: RunEvent): { event: string; data: string } {
  return { event: event.type, data: JSON.stringify(eventToJson(event)) }
}

function eventToJson(event: RunEvent): unknown {
  switch (event.type) {
    case "log":
    case "egress":
      return event
    case "value":
      return { type: "value", value: toTaggedJson(event.value) }
    case "result": {
      const result = event.result === undefined ? {} : { result: toTaggedJson(event.result) }
      return { type: "result", ...result, run: runToJson(event.run) }
    }
    case "error":
      return { type: "error", error: event.error, run: runToJson(event.run) }
  }
}
