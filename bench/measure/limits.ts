import { createPlatform, DynamicWorker, type Platform, type Run } from "@mayfly/platform"
import type { Settings } from "./settings.ts"
import { percentile } from "./statistics.ts"

export interface StopFigures {
  /** Milliseconds from the limit to the caller's answer. */
  readonly p50Ms: number
  readonly maxMs: number
  /** CPU milliseconds used beyond the limit. */
  readonly overP50Ms: number
  readonly overMaxMs: number
  readonly stops: number
}

export interface LimitFigures {
  readonly cpuMs: number
  readonly idle: StopFigures
  readonly besideOthers: StopFigures
}

const cpuMs = 50
const loop = `export default () => { while (true); }`

/** How soon an endless loop's caller has an answer: on an idle machine, and beside other endless loops of another tenant. */
export async function measureLimits(settings: Settings): Promise<LimitFigures> {
  await using platform = await createPlatform()
  const idle = await stops(platform, settings.loopStops)
  const abort = new AbortController()
  const others = await DynamicWorker.create({ script: loop, platform, tenant: "others", limits: { cpuMs: null } })
  const noise = Array.from({ length: settings.otherLoops }, () => others.execute(undefined, { signal: abort.signal }))
  // Long enough for more hosts to be started.
  await new Promise((resolve) => setTimeout(resolve, 1_500))
  const besideOthers = await stops(platform, settings.loopStopsBesideOthers)
  abort.abort()
  await Promise.all(noise)
  return { cpuMs, idle, besideOthers }
}

async function stops(platform: Platform, count: number): Promise<StopFigures> {
  const worker = await DynamicWorker.create({ script: loop, platform, tenant: "measured", limits: { cpuMs } })
  const late: number[] = []
  const over: number[] = []
  for (let index = 0; index < count; index++) {
    const started = performance.now()
    const run = await worker.execute()
    late.push(millisecondsLate(run, performance.now() - started))
    over.push(run.usage.cpuMs - cpuMs)
  }
  return {
    p50Ms: percentile(late, 50),
    maxMs: Math.max(...late),
    overP50Ms: percentile(over, 50),
    overMaxMs: Math.max(...over),
    stops: count,
  }
}

/**
 * The run's CPU is known at its end only. Beside others it gets a share of a core, so the moment of the limit is taken to lie where that
 * share would have used the limit up. What passes between the host's end of the run and the answer is added.
 */
function millisecondsLate(run: Run, latencyMs: number): number {
  if (run.ok || run.error.code !== "worker.cpu-limit") throw new Error("an endless loop did not end with its CPU limit")
  const { wallMs, queueMs, cpuMs: used } = run.usage
  const beyond = used <= cpuMs ? 0 : (wallMs * (used - cpuMs)) / used
  return beyond + Math.max(0, latencyMs - queueMs - wallMs)
}
