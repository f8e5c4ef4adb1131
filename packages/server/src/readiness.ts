import { setTimeout as delay } from "node:timers/promises"
import { DynamicWorker, type Platform } from "@mayfly/platform"

const probeEveryMs = 5_000

/**
 * Whether programs can run and what they do can be kept: tried by running one and by writing a row, at most every five seconds, since nobody needs a key to ask.
 */
export class Readiness {
  readonly #platform: Platform
  #probe: Promise<boolean> | undefined
  #probedAt = -Infinity

  constructor(platform: Platform) {
    this.#platform = platform
  }

  isReady(): Promise<boolean> {
    const now = performance.now()
    if (this.#probe === undefined || now - this.#probedAt > probeEveryMs) {
      this.#probedAt = now
      this.#probe = probe(this.#platform)
    }
    return this.#probe
  }
}

async function probe(platform: Platform): Promise<boolean> {
  const [canRun, canKeep] = await Promise.all([runs(platform), keeps(platform)])
  return canRun && canKeep
}

/** A full disk, or one that was mounted read-only: nothing may leave unrecorded then, so nothing works that reaches out. */
async function keeps(platform: Platform): Promise<boolean> {
  const late = new AbortController()
  try {
    const tooLate = delay(storeMs, false, { signal: late.signal, ref: false }).catch(() => false)
    return await Promise.race([writeRow(platform), tooLate])
  } catch {
    return false
  } finally {
    late.abort()
  }
}

async function writeRow(platform: Platform): Promise<boolean> {
  const tables = await (await platform.store()).attach({ name: "health", migrations })
  const sql = "INSERT INTO health_probe (id, at) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET at = excluded.at"
  await tables.write([{ sql, parameters: [Date.now()] }])
  return true
}

const migrations = ["CREATE TABLE health_probe (id INTEGER PRIMARY KEY, at BIGINT NOT NULL)"]
const storeMs = 3_000

async function runs(platform: Platform): Promise<boolean> {
  try {
    const limits = { cpuMs: 1_000, wallMs: 2_000 }
    const worker = await DynamicWorker.create({ script: "1 + 1", tenant: "mayfly:readyz", limits, platform })
    const run = await worker.execute(undefined, { signal: AbortSignal.timeout(5_000) })
    return run.ok && run.result === 2
  } catch {
    return false
  }
}
