import { MayflyError, startSpan, tell } from "@mayfly/protocol"
import type { ExecResult } from "./exec-command.ts"
import type { SandboxRecord } from "./sandbox-registry.ts"

/** A command as a span and a fact. Nothing of the command itself is told: it may hold secrets. */
export async function tracedExec({ id, tenant }: SandboxRecord, work: () => Promise<ExecResult>): Promise<ExecResult> {
  const span = startSpan("sandbox.exec", { attributes: { "mayfly.sandbox.id": id, "mayfly.tenant": tenant } })
  const startedAt = performance.now()
  let isOk = false
  let failure: string | undefined
  try {
    const result = await work()
    isOk = result.success
    span?.set({ "process.exit.code": result.exitCode })
    return result
  } catch (error) {
    failure = error instanceof MayflyError ? error.code : "sandbox.aborted"
    throw error
  } finally {
    tell("exec", { tenant, isOk, durationMs: performance.now() - startedAt })
    span?.end(failure)
  }
}
