import { setTimeout as delay } from "node:timers/promises"
import { DynamicWorker, type Platform } from "@mayfly/platform"

const settleMs = 1_000
const disposeMs = 700

/**
 * Ends a platform's processes, also one that has hardly begun: bubblewrap killed while it sets up its namespaces leaves a process behind that
 * nobody ends, and disposing waits for it. So a platform that has run nothing yet runs something first.
 */
export async function closePlatform(platform: Platform, hasRun: boolean): Promise<void> {
  if (!hasRun) await Promise.race([settle(platform), delay(settleMs, undefined, { ref: true })])
  await Promise.race([platform.dispose(), delay(disposeMs, undefined, { ref: true })])
}

async function settle(platform: Platform): Promise<void> {
  try {
    const worker = await DynamicWorker.create({ script: "0", tenant: "mayfly:close", platform })
    await worker.execute()
  } catch {
    // It does not start at all: there is nothing to wait for.
  }
}
