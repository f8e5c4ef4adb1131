import type { Approval, ApprovalDesk } from "@mayfly/platform"
import { eventStream } from "./event-stream.ts"
import type { Call } from "./route/call.ts"

export interface ApprovalFilter {
  readonly limit: number
  readonly tenant?: string
  readonly status?: Approval["status"]
}

/** A reader that is slower than this is cut off: when it comes again it is told how things stand. */
const maxWaiting = 1_000

/** The approvals that there are, the oldest first, then each one that is asked or decided. */
export function approvalEvents(call: Call, filter: ApprovalFilter): Response {
  return eventStream(
    call,
    async ({ send, signal }) => {
      for await (const approval of follow(call.server.platform.approvals, filter, signal))
        await send({ event: "approval", data: JSON.stringify(approval) })
    },
    { isResumable: true },
  )
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
