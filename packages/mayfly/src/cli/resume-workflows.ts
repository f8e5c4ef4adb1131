import type { WorkflowBinding } from "@mayfly/platform"
import type { ServedWorker } from "@mayfly/server"

export interface ResumeOptions {
  /** Nothing more is begun after it fires. */
  readonly signal: AbortSignal
  /** The worker's `resume` threw. */
  readonly onFailure: (id: string, error: unknown) => void
  /** Told when instances still wait for their functions. */
  readonly onLeft: (text: string) => void
}

/** Calls of `resume` at once: one that never returns must not keep the others waiting. */
const lanes = 16

/** Asks a served worker for the functions of workflows that the process before took with it. Instances nobody brings back stay `needs-code`. */
export async function resumeWorkflows(
  worker: Pick<ServedWorker, "canResume" | "resume">,
  workflows: Pick<WorkflowBinding, "lackingCode">,
  { signal, onFailure, onLeft }: ResumeOptions,
): Promise<void> {
  if (worker.canResume) {
    const lacking = workflows.lackingCode()
    const drain = async (): Promise<void> => {
      for (;;) {
        const next = signal.aborted ? undefined : await lacking.next()
        if (next === undefined || next.done === true) return
        await worker.resume(next.value).catch((error: unknown) => onFailure(next.value.id, error))
      }
    }
    await Promise.all(Array.from({ length: lanes }, drain))
  }
  let left = 0
  let first = ""
  for await (const { id } of workflows.lackingCode()) {
    if (signal.aborted) return
    if (left++ === 0) first = id
  }
  if (left === 0) return
  const way = worker.canResume
    ? "resume did not create it again"
    : "create it again with the same id, or export resume({ id, params }, env)"
  const who =
    left === 1
      ? `1 workflow waits for its functions: "${first}"`
      : `${left} workflows wait for their functions, "${first}" and others`
  onLeft(`${who} (needs-code): ${way}`)
}
