import type { LackingCode, Platform } from "@mayfly/platform"
import type { ServedWorker } from "@mayfly/server"

export interface ResumeOptions {
  /** Where the worker answers. */
  readonly url: string
  /** Nothing more is begun after it fires. */
  readonly signal: AbortSignal
  /** The worker's `resume` threw, or the request that is handled again. */
  readonly onFailure: (what: string, error: unknown) => void
  /** Told when instances still wait for their functions. */
  readonly onLeft: (text: string) => void
}

/** Calls at once: one that never returns must not keep the others waiting. */
const lanes = 16

/**
 * Asks a served worker for the functions of workflows that the process before took with it: by its `resume`, or by the request that created them, once
 * more. Instances nobody brings back stay `needs-code`.
 */
export async function resumeWorkflows(
  worker: Pick<ServedWorker, "canResume" | "resume" | "fetchAgain">,
  platform: Pick<Platform, "lackingCode">,
  { url, signal, onFailure, onLeft }: ResumeOptions,
): Promise<void> {
  const lacking = platform.lackingCode()[Symbol.asyncIterator]()
  const handled = new Set<string>()
  const bringBack = async ({ tenant, id, params, origin }: LackingCode): Promise<void> => {
    if (worker.canResume) return worker.resume({ tenant, id, params })
    // One request may have created several.
    if (origin === undefined || handled.has(origin)) return
    handled.add(origin)
    await worker.fetchAgain(origin, url)
  }
  const drain = async (): Promise<void> => {
    for (;;) {
      const next = signal.aborted ? undefined : await lacking.next()
      if (next === undefined || next.done === true) return
      const what = worker.canResume ? "resume of" : "the request, handled again, of"
      await bringBack(next.value).catch((error: unknown) => onFailure(`${what} workflow "${next.value.id}"`, error))
    }
  }
  await Promise.all(Array.from({ length: lanes }, drain))
  const left = await count(platform.lackingCode(), signal)
  if (left.all > 0 && !signal.aborted) onLeft(textOf(left, worker.canResume))
}

interface Left {
  readonly all: number
  readonly first: string
  readonly ofOthers: number
}

async function count(lacking: AsyncIterable<LackingCode>, signal: AbortSignal): Promise<Left> {
  const left = { all: 0, first: "", ofOthers: 0 }
  for await (const { tenant, id } of lacking) {
    if (signal.aborted) break
    if (left.all++ === 0) left.first = id
    if (tenant !== "default") left.ofOthers++
  }
  return left
}

function textOf({ all, first, ofOthers }: Left, canResume: boolean): string {
  const way = canResume
    ? "resume did not create it again"
    : "create it again with the same id, or export resume({ id, params, tenant }, env)"
  const who =
    all === 1
      ? `1 workflow waits for its functions: "${first}"`
      : `${all} workflows wait for their functions, "${first}" and others`
  const tenants = ofOthers === 0 ? "" : `, ${ofOthers} of them of tenants other than "default"`
  return `${who} (needs-code${tenants}): ${way}`
}
