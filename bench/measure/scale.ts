import { programOf } from "../contenders/program.ts"
import type { Driver } from "./driver.ts"
import type { Settings } from "./settings.ts"
import { median, percentile } from "./statistics.ts"

/** One contender's figure at each step of a scale: medians over interleaved rounds. */
export interface ScaleRow {
  readonly name: string
  readonly values: readonly number[]
  readonly rounds: readonly (readonly number[])[]
}

/** Milliseconds (p50, alone) by size of the program. */
export function measureSizes(drivers: readonly Driver[], settings: Settings): Promise<ScaleRow[]> {
  return overScale(drivers, settings.sizesKb, settings.scaleRounds, async (driver, kiloBytes) => {
    await driver.use(programOf(kiloBytes))
    await driver.sequence(2)
    const runs = Math.ceil(settings.sequentialRuns / (kiloBytes >= 100 ? 8 : 4))
    return percentile((await driver.sequence(runs)).latencies, 50)
  })
}

/** Runs per second by number of clients. */
export function measureClients(drivers: readonly Driver[], settings: Settings): Promise<ScaleRow[]> {
  return overScale(drivers, settings.clientCounts, settings.scaleRounds, async (driver, clients) => {
    const { runs, ms } = await driver.clients(clients, settings.scaleMs)
    return (runs * 1_000) / ms
  })
}

async function overScale(
  drivers: readonly Driver[],
  steps: readonly number[],
  rounds: number,
  measure: (driver: Driver, step: number) => Promise<number>,
): Promise<ScaleRow[]> {
  const values = new Map<Driver, number[][]>(drivers.map((driver) => [driver, []]))
  for (let round = 0; round < rounds; round++) {
    for (const driver of drivers) values.get(driver)?.push([])
    for (const step of steps) {
      for (const driver of drivers) values.get(driver)?.[round]?.push(await measure(driver, step))
    }
  }
  return [...values].map(([driver, measured]) => ({
    name: driver.name,
    values: steps.map((_step, index) => median(measured.map((round) => round[index] ?? NaN))),
    rounds: measured,
  }))
}
