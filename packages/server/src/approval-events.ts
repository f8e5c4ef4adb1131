import type { Approval, ApprovalDesk } from "@mayfly/platform"
import type { Context } from "hono"
import { streamSSE } from "hono/streaming"
import { errorBody, publicError } from "./error-response.ts"
import type { RequestSlots } from "./request-slots.ts"
import { type ServerLog, unexpected } from "./server-log.ts"

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

const beatMs = 15_000
/** A reader that is slower than this is cut off: when it comes again it is told how things stand. */
const maxWaiting = 1_000

/** The approvals that there are, the oldest first, then each one that is asked or decided. */
export function approvalEvents(c: Context, filter: ApprovalFilter, options: ApprovalEventsOptions): Response {
  const held = options.slots.take()
  const gone = new AbortController()
  const signal = AbortSignal.any([gone.signal, c.req.raw.signal, options.stopping])
  return streamSSE(c, async (stream) => {
    stream.onAbort(() => gone.abort())
    const beat = setInterval(() => void stream.write(": still here\n\n"), beatMs)
    try {
      for await (const approval of follow(options.approvals, filter, signal))
        await stream.writeSSE({ event: "approval", data: JSON.stringify(approval) })
    } catch (error) {
      const requestId = String(c.get("requestId"))
      const public_ = publicError(error)
      if (public_ !== error) options.log(unexpected(error, requestId))
      await stream.writeSSE({ event: "error", data: JSON.stringify(errorBody(public_, requestId)) })
    } finally {
      clearInterval(beat)
      held[Symbol.dispose]()
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
