import type { Driver, LoopFigures } from "./driver.ts"
import type { Settings } from "./settings.ts"
import { median, percentile } from "./statistics.ts"

export interface SpeedRow {
  readonly name: string
  readonly p50Ms: number
  readonly p99Ms: number
  readonly runsPerSecond: number
  readonly loadedP50Ms: number
  /** CPU of the contender's own processes per run, with all clients at work. */
  readonly cpuMsPerRun: number
  /** The same with the process that drives it. */
  readonly cpuMsPerRunWithDriver: number
  readonly rounds: readonly SpeedRound[]
}

interface SpeedRound {
  readonly p50Ms: number
  readonly p99Ms: number
  readonly runsPerSecond: number
  readonly loadedP50Ms: number
  readonly cpuMsPerRun: number
  readonly cpuMsPerRunWithDriver: number
}

export interface SpeedContender {
  readonly driver: Driver
  readonly isOutside: boolean
  readonly isSlow: boolean
}

/** Latency alone, then rate and CPU with all clients, each contender in turn, several rounds. */
export async function measureSpeed(
  list: readonly SpeedContender[],
  settings: Settings,
  onRound: (round: number) => void,
): Promise<SpeedRow[]> {
  const rounds = new Map<string, SpeedRound[]>()
  const latencies = new Map<string, number[]>()
  for (let round = 0; round < settings.rounds; round++) {
    onRound(round)
    for (const contender of list) {
      const { name } = contender.driver
      const alone = await contender.driver.sequence(Math.ceil(settings.sequentialRuns / (contender.isSlow ? 10 : 1)))
      const loaded = await contender.driver.clients(settings.clients, settings.clientsMs)
      rounds.set(name, [...(rounds.get(name) ?? []), roundOf(contender, alone, loaded)])
      latencies.set(name, [...(latencies.get(name) ?? []), ...alone.latencies])
    }
  }
  return list.map(({ driver: { name } }) => summary(name, rounds.get(name) ?? [], latencies.get(name) ?? []))
}

function roundOf(contender: SpeedContender, alone: LoopFigures, loaded: LoopFigures): SpeedRound {
  const driverMs = contender.isOutside ? loaded.driverCpuMs : 0
  return {
    p50Ms: percentile(alone.latencies, 50),
    p99Ms: percentile(alone.latencies, 99),
    runsPerSecond: (loaded.runs * 1_000) / loaded.ms,
    loadedP50Ms: percentile(loaded.latencies, 50),
    cpuMsPerRun: (loaded.cpuMs - driverMs) / loaded.runs,
    cpuMsPerRunWithDriver: loaded.cpuMs / loaded.runs,
  }
}

/** Medians over rounds; the p99 is over the runs of all rounds, as one round has too few. */
function summary(name: string, rounds: readonly SpeedRound[], latencies: readonly number[]): SpeedRow {
  const over = (field: keyof SpeedRound): number => median(rounds.map((round) => round[field]))
  return {
    name,
    p50Ms: over("p50Ms"),
    p99Ms: percentile(latencies, 99),
    runsPerSecond: over("runsPerSecond"),
    loadedP50Ms: over("loadedP50Ms"),
    cpuMsPerRun: over("cpuMsPerRun"),
    cpuMsPerRunWithDriver: over("cpuMsPerRunWithDriver"),
    rounds,
  }
}
