import { DynamicWorker, type Platform } from "@mayfly/platform"

const probeEveryMs = 5_000

/** Whether programs can run: tried by running one, at most every five seconds, since nobody needs a key to ask. */
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
  try {
    const limits = { cpuMs: 1_000, wallMs: 2_000 }
    const worker = await DynamicWorker.create({ script: "1 + 1", tenant: "mayfly:readyz", limits, platform })
    const run = await worker.execute(undefined, { signal: AbortSignal.timeout(5_000) })
    return run.ok && run.result === 2
  } catch {
    return false
  }
}
