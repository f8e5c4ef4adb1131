import type { TestContext } from "node:test"
import { createHttpEgress, type EgressOptions } from "@mayfly/mesh"
import type { NetworkPolicy } from "@mayfly/protocol"
import { createRuntime, DynamicWorker, type Run } from "@mayfly/runtime"

export interface MeshGuest {
  /** Runs a body under a policy; `input` is what is given. */
  attack(script: string, policy: NetworkPolicy, input?: unknown): Promise<Run>
}

/** A real isolate with a real way out, whose name server is ours. */
export function meshGuest(t: TestContext, options: EgressOptions): MeshGuest {
  const egress = createHttpEgress(options)
  const runtime = createRuntime({ hosts: 1, spare: false, isolates: 1, egress })
  t.after(async () => {
    await runtime.dispose()
    await egress.close()
  })
  return {
    async attack(script, policy, input = null) {
      const limits = { subRequests: 10_000, wallMs: 20_000 }
      await using worker = await DynamicWorker.create({ script, network: policy, limits, platform: { runtime } })
      return await worker.execute(input)
    },
  }
}

export function resultOf(run: Run): unknown {
  if (!run.ok) throw run.error
  return run.result
}

/** For the beginning of a program: what came of a fetch, in a word or two. */
export const tryFetch = `const tryFetch = async (...args) => {
  try { const response = await fetch(...args); return response.status + " " + await response.text() }
  catch (error) { return error.code ?? error.name }
}
`
