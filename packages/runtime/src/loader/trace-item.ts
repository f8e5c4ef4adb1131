import type { Run } from "@mayfly/protocol"
import type { TraceItem } from "./worker-code.ts"

/** What tails are told of a run. */
export function traceItem(run: Run, event: TraceItem["event"], startedAt: number): TraceItem {
  return {
    event,
    eventTimestamp: startedAt,
    logs: run.logs.map(({ time, level, message }) => ({ timestamp: time, level, message: [message] })),
    exceptions: run.ok ? [] : [exceptionOf(run.error)],
    outcome: run.ok ? "ok" : (outcomes[run.error.code] ?? "exception"),
    cpuTime: run.usage.cpuMs,
    wallTime: run.usage.wallMs,
  }
}

const outcomes: Readonly<Record<string, TraceItem["outcome"]>> = {
  "worker.cpu-limit": "exceededCpu",
  "worker.memory-limit": "exceededMemory",
  "worker.aborted": "canceled",
  "worker.host-crashed": "unknown",
}

function exceptionOf(error: Extract<Run, { ok: false }>["error"]): TraceItem["exceptions"][number] {
  const { name, message, stack } = error.details as { name?: string; message?: string; stack?: string }
  return {
    timestamp: Date.now(),
    name: name ?? error.code,
    message: message ?? error.message,
    ...(stack === undefined ? {} : { stack }),
  }
}
