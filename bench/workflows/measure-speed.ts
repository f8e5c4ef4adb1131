import { median } from "../measure/statistics.ts"
import { contenders } from "./all.ts"
import type { WorkflowDriver } from "./driver.ts"
import type { Settings } from "./settings.ts"

export interface SpeedRow {
  readonly name: string
  /** Of a step that does nothing, in one workflow that is alone. */
  readonly stepMs: number
  /** Workflows per second, one figure for each number at once. */
  readonly perSecond: readonly number[]
  /** All rounds of those. */
  readonly rounds: readonly (readonly number[])[]
}

const timeoutMs = 240_000

interface Figures {
  readonly steps: number[]
  readonly perSecond: number[][]
}

/** In each round every contender in turn. A contender that fails is left out from there on, and `onFailure` told. */
export async function measureSpeed(
  drivers: readonly WorkflowDriver[],
  settings: Settings,
  on: { readonly round: (round: number) => void; readonly failure: (name: string, error: unknown) => void },
): Promise<SpeedRow[]> {
  const all = new Map<WorkflowDriver, Figures>()
  for (const driver of drivers) all.set(driver, { steps: [], perSecond: settings.counts.map(() => []) })
  for (let round = 0; round < settings.rounds; round++) {
    on.round(round)
    for (const [driver, figures] of all) {
      try {
        await oneRound(driver, figures, round, settings)
      } catch (error) {
        all.delete(driver)
        await driver.kill()
        on.failure(driver.name, error)
      }
    }
  }
  return [...all].map(([{ name }, { steps, perSecond }]) => ({
    name,
    stepMs: median(steps),
    perSecond: perSecond.map(median),
    rounds: perSecond,
  }))
}

async function oneRound(driver: WorkflowDriver, figures: Figures, round: number, settings: Settings): Promise<void> {
  const { alone, counts, steps, longSteps } = settings
  const run = async (prefix: string, count: number, length: number): Promise<number> =>
    (await driver.ask({ kind: "run", prefix: `r${round}-${prefix}`, count, steps: length }, timeoutMs)).ms
  const short: number[] = []
  const long: number[] = []
  for (let n = 0; n < alone; n++) {
    short.push(await run(`short-${n}`, 1, steps))
    long.push(await run(`long-${n}`, 1, longSteps))
  }
  figures.steps.push((median(long) - median(short)) / (longSteps - steps))
  const isSlow = contenders[driver.name]?.isSlow === true
  for (const [index, count] of counts.entries()) {
    if (isSlow && round > 0 && index === counts.length - 1) continue
    const ms = count === 1 ? median(short) : await run(`at-once-${count}`, count, steps)
    figures.perSecond[index]?.push((count / ms) * 1_000)
  }
}
