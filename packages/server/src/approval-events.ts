import type { Approval, ApprovalDesk } from "@mayfly/platform"
import type { Context } from "hono"
import { eventStream } from "./event-stream.ts"
import type { RequestSlots } from "./request-slots.ts"
import type { ServerLog } from "./server-log.ts"

export interface ApprovalEventsOptions {
  readonly approvals: ApprovalDesk
  /** Readers at once; each keeps its place until it goes. */
  readonly slots: RequestSlots
  readonly stopping: AbortSignal
  readonly log: ServerLog
}

export interface ApprovalFilter {
  readonly limit: number
  readonly tenant?: string
  readonly status?: Approval["status"]
}

/** A reader that is slower than this is cut off: when it comes again it is told how things stand. */
const maxWaiting = 1_000

/** The approvals that there are, the oldest first, then each one that is asked or decided. */
export function approvalEvents(c: Context, filter: ApprovalFilter, options: ApprovalEventsOptions): Response {
  const { approvals, slots, stopping, log } = options
  return eventStream(c, { held: slots.take(), stopping, log }, async function* (signal) {
    for await (const approval of follow(approvals, filter, signal)) {
      yield { event: "approval", data: JSON.stringify(approval) }
    }
  })
}

async function* follow(desk: ApprovalDesk, filter: ApprovalFilter, signal: AbortSignal): AsyncGenerator<Approval> {
  const { tenant, status } = filter
  const waiting: Approval[] = []
  let isLate = false
  let wake = (): void => {}
  const take = (approval: Approval): void => {
    if (tenant !== undefined && approval.tenant !== tenant) return
    if (status !== undefined && approval.status !== status) return
    if (waiting.length < maxWaiting) waiting.push(approval)
    else isLate = true
    wake()
  }
  const onAbort = (): void => wake()
  signal.addEventListener("abort", onAbort)
  // Before the list is read: nothing may be missed between. What is in the list may be told of as well.
  const stops = [desk.onQuestion(take), desk.onDecision(take)]
  try {
    const listed = (await desk.list(filter)).toReversed()
    const known = new Set(listed.map(stateOf))
    yield* listed
    while (!signal.aborted && !isLate) {
      const next = waiting.shift()
      if (next !== undefined && !known.has(stateOf(next))) yield next
      else if (next === undefined) await new Promise<void>((resolve) => (wake = resolve))
    }
  } finally {
    signal.removeEventListener("abort", onAbort)
    for (const stop of stops) stop()
  }
}

function stateOf({ id, status }: Approval): string {
  return `${id} ${status}`
}
