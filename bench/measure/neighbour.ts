import { createPlatform, DynamicWorker, type Platform, type Run } from "@mayfly/platform"
import { input, programOf } from "../contenders/program.ts"
import type { Settings } from "./settings.ts"
import { percentile } from "./statistics.ts"

export interface NeighbourFigures {
  readonly alone: PacedFigures
  readonly beside: PacedFigures
  /** How the hostile runs ended, by error code. */
  readonly endings: Readonly<Record<string, number>>
  readonly hostileMs: number
}

export interface PacedFigures {
  readonly runs: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
  /** Error codes of runs that failed; every one is a fault of ours. */
  readonly failures: readonly string[]
}

const everyMs = 5
const loopCpuMs = 200
const loop = `export default () => { while (true); }`
const bombs = [
  `export default () => { const all = []; for (;;) all.push(new Array(100_000).fill(Math.random())) }`,
  `export default () => { const all = []; for (;;) all.push(new Uint8Array(1 << 20).fill(1)) }`,
  `export default () => { const all = []; for (let i = 0; ; i++) all.push("x".repeat(100_000) + i) }`,
  `export default () => { const all = new Map(); for (let i = 0; ; i++) all.set("key " + i, { i }) }`,
]

/** Tenant B starts a short run every few milliseconds, waiting for none: alone, and while tenant A does its worst. */
export async function measureNeighbour(settings: Settings): Promise<NeighbourFigures> {
  await using platform = await createPlatform()
  const worker = await DynamicWorker.create({ script: programOf(1), platform, tenant: "b" })
  await worker.run(input)
  const alone = await paced(worker, () => false, settings.neighbourMs / 4)
  const started = performance.now()
  let isOver = false
  const hostile = startHostile(platform, settings).then((runs) => {
    isOver = true
    return { endings: countEndings(runs), hostileMs: performance.now() - started }
  })
  const beside = await paced(worker, () => isOver, settings.neighbourMs)
  return { alone, beside, ...(await hostile) }
}

async function startHostile(platform: Platform, settings: Settings): Promise<Run[]> {
  const create = (script: string): Promise<DynamicWorker> =>
    DynamicWorker.create({ script, platform, tenant: "a", limits: { cpuMs: script === loop ? loopCpuMs : 5_000 } })
  const [looping, ...bombing] = await Promise.all([loop, ...bombs].map(create))
  const loops = Array.from({ length: settings.neighbourLoops }, () => looping)
  const booms = Array.from({ length: settings.neighbourBombs }, (_none, index) => bombing[index % bombing.length])
  return Promise.all([...loops, ...booms].map((worker) => (worker as DynamicWorker).execute()))
}

/** An open loop: late answers do not slow down the next runs. Ends when `isOver` says so, at the latest after `mostMs`. */
async function paced(worker: DynamicWorker, isOver: () => boolean, mostMs: number): Promise<PacedFigures> {
  const latencies: number[] = []
  const failures: string[] = []
  const runs: Promise<void>[] = []
  const started = performance.now()
  const once = async (): Promise<void> => {
    const began = performance.now()
    const run = await worker.execute(input)
    latencies.push(performance.now() - began)
    if (!run.ok) failures.push(run.error.code)
  }
  while (performance.now() - started < mostMs && !isOver()) {
    runs.push(once())
    await new Promise((resolve) => setTimeout(resolve, everyMs))
  }
  await Promise.all(runs)
  return {
    runs: runs.length,
    p50Ms: percentile(latencies, 50),
    p99Ms: percentile(latencies, 99),
    maxMs: Math.max(...latencies),
    failures,
  }
}

function countEndings(runs: readonly Run[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const run of runs) {
    const ending = run.ok ? "ok" : run.error.code
    counts[ending] = (counts[ending] ?? 0) + 1
  }
  return counts
}
