import { createPlatform, DynamicWorker, type Platform } from "@mayfly/platform"
import { programOf } from "../contenders/program.ts"
import { Driver } from "./driver.ts"
import { commandLine, processTree, pssBytes } from "../../packages/mayfly/src/cli/process-tree.ts"
import type { Settings } from "./settings.ts"
import { median } from "./statistics.ts"

export interface MemoryFigures {
  readonly hosts: number
  readonly isolatesPerHost: number
  readonly hostsFullBytes: number
  /** No warm isolates, after the same runs. */
  readonly hostsEmptyBytes: number
  /** What one more warm isolate adds, between full pools and pools of three times the size. */
  readonly idleIsolateBytes: number
  /** (Full - empty) / isolates. Less than an isolate is: what start-up freed is used again. */
  readonly idleIsolateAtDefaultBytes: number
  /** A run that awaits a timer. */
  readonly runningIsolateBytes: number
  readonly compilerBytes: number
  /** Bytes per loaded isolate of others. */
  readonly others: Readonly<Record<string, number>>
}

const hosts = 2
const isolatesPerHost = 8
const othersCount = 40
/** Garbage collection and returned pages come some time after the work. */
const settleMs = 1_500

/** Memory of Mayfly's hosts in several states, each on a platform of its own. Undefined where it can't be read. */
export async function measureMemory(settings: Settings, others: readonly string[]): Promise<MemoryFigures | undefined> {
  const full: number[] = []
  const empty: number[] = []
  const large: number[] = []
  const running: number[] = []
  const compiler: number[] = []
  for (let repeat = 0; repeat < settings.memoryRepeats; repeat++) {
    empty.push(await withPlatform(0, settledHosts))
    large.push(await withPlatform(isolatesPerHost * 3, settledHosts))
    await withPlatform(isolatesPerHost, async (platform) => {
      const idle = await settledHosts(platform)
      full.push(idle)
      compiler.push(pssOf("compiler.mjs") ?? NaN)
      running.push(((await runningHosts(platform, settings.runningIsolates)) - idle) / settings.runningIsolates)
      return 0
    })
  }
  if (full.some(Number.isNaN)) return undefined
  const hostsFullBytes = median(full)
  const hostsEmptyBytes = median(empty)
  return {
    hosts,
    isolatesPerHost,
    hostsFullBytes,
    hostsEmptyBytes,
    idleIsolateBytes: (median(large) - hostsFullBytes) / (hosts * isolatesPerHost * 2),
    idleIsolateAtDefaultBytes: (hostsFullBytes - hostsEmptyBytes) / (hosts * isolatesPerHost),
    runningIsolateBytes: median(running),
    compilerBytes: median(compiler),
    others: await othersMemory(others),
  }
}

async function withPlatform(isolates: number, measure: (platform: Platform) => Promise<number>): Promise<number> {
  await using platform = await createPlatform({ hosts, isolates, spare: false })
  return await measure(platform)
}

async function settledHosts(platform: Platform): Promise<number> {
  const worker = await DynamicWorker.create({ script: programOf(0), platform })
  await Promise.all(Array.from({ length: 8 }, () => worker.run({ a: 1, b: 2 })))
  await settle()
  return pssOf("host.cjs") ?? NaN
}

async function runningHosts(platform: Platform, count: number): Promise<number> {
  const script = `export default async () => { await new Promise((resolve) => setTimeout(resolve, 600_000)) }`
  const worker = await DynamicWorker.create({ script, platform, limits: { wallMs: null } })
  const abort = new AbortController()
  const runs = Array.from({ length: count }, () => worker.execute(undefined, { signal: abort.signal }))
  await settle()
  const bytes = pssOf("host.cjs") ?? NaN
  abort.abort()
  await Promise.all(runs)
  return bytes
}

async function othersMemory(names: readonly string[]): Promise<Record<string, number>> {
  const bytes: Record<string, number> = {}
  for (const name of names) {
    const driver = await Driver.start(name, programOf(0))
    try {
      await driver.hold(5)
      await settle()
      const before = pssBytes(driver.processes) ?? NaN
      await driver.hold(othersCount)
      await settle()
      bytes[name] = ((pssBytes(driver.processes) ?? NaN) - before) / othersCount
    } finally {
      await driver.stop()
    }
  }
  return bytes
}

/** Of this process's children whose command line names `file`, jails around them included. */
function pssOf(file: string): number | undefined {
  const pids = processTree(process.pid).filter((pid) => pid !== process.pid && commandLine(pid).includes(file))
  return pids.length === 0 ? undefined : pssBytes(pids)
}

function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, settleMs))
}
