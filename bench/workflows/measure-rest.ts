import { percentile } from "../measure/statistics.ts"
import { contenders } from "./all.ts"
import { WorkflowDriver } from "./driver.ts"
import { newPlace, type Place } from "./places.ts"
import type { Settings } from "./settings.ts"

export interface SleeperRow {
  readonly name: string
  readonly p50Ms: number
  readonly p99Ms: number
  readonly mostMs: number
}

/** From the start of the new process. */
export interface ResumeRow {
  readonly name: string
  readonly firstMs: number
  readonly allMs: number
}

export interface SizeRow {
  readonly name: string
  readonly bytesPerStep: number
}

const timeoutMs = 240_000
const resumeTimeoutMs = 90_000
const hopelessTimeoutMs = 10_000

/** How late they wake who sleep until one moment. */
export async function measureSleepers(name: string, { sleepers, steps }: Settings): Promise<SleeperRow> {
  return within(name, async (place, start) => {
    const driver = start(place)
    await driver.ask({ kind: "run", prefix: "warm", count: 5, steps }, timeoutMs)
    const at = Date.now() + (contenders[name]?.lullMs ?? 0)
    const { late = [] } = await driver.ask({ kind: "sleep", prefix: "sleeper", count: sleepers, at }, timeoutMs)
    return { name, p50Ms: percentile(late, 50), p99Ms: percentile(late, 99), mostMs: Math.max(...late) }
  })
}

/** What was under way when a process was killed goes on in the next one: from its start until it does. */
export async function measureResume(name: string, { underWay: count }: Settings): Promise<ResumeRow> {
  const isHopeless = contenders[name]?.cannotResume !== undefined
  return within(name, async (place, start) => {
    const first = start(place)
    await first.ask({ kind: "begin", count }, timeoutMs)
    await first.kill()
    const second = start(place)
    const { resumed } = await second.ask({ kind: "resume", count }, isHopeless ? hopelessTimeoutMs : resumeTimeoutMs)
    if (resumed === undefined) throw new Error("nothing was resumed")
    return { name, firstMs: resumed.first - second.startedAt, allMs: resumed.last - second.startedAt }
  })
}

/** What ended workflows take on disk, by the difference that some hundred make. */
export async function measureSize(name: string, { sized, sizedSlow, steps }: Settings): Promise<SizeRow> {
  const count = contenders[name]?.isSlow === true ? sizedSlow : sized
  return within(name, async (place, start) => {
    const bytesAfter = async (prefix: string, workflows: number): Promise<number> => {
      const driver = start(place)
      await driver.ask({ kind: "run", prefix, count: workflows, steps }, timeoutMs)
      await driver.stop()
      return place.bytes()
    }
    const before = await bytesAfter("warm", 5)
    return { name, bytesPerStep: ((await bytesAfter("sized", count)) - before) / count / steps }
  })
}

async function within<T>(
  name: string,
  measure: (place: Place, start: (place: Place) => WorkflowDriver) => Promise<T>,
): Promise<T> {
  const place = await newPlace(name)
  const drivers: WorkflowDriver[] = []
  try {
    return await measure(place, (at) => {
      const driver = new WorkflowDriver(name, at)
      drivers.push(driver)
      return driver
    })
  } finally {
    for (const driver of drivers) await driver.kill()
    await place.close()
  }
}
