/** How long things are measured. Rounds are interleaved: every contender once, then all again. */
export interface Settings {
  readonly rounds: number
  /** Runs one after the other, per contender and round; slow contenders do a tenth. */
  readonly sequentialRuns: number
  readonly clients: number
  readonly clientsMs: number
  readonly scaleRounds: number
  readonly scaleMs: number
  readonly sizesKb: readonly number[]
  readonly clientCounts: readonly number[]
  readonly memoryRepeats: number
  readonly runningIsolates: number
  readonly loopStops: number
  readonly loopStopsBesideOthers: number
  readonly otherLoops: number
  readonly neighbourLoops: number
  readonly neighbourBombs: number
  readonly neighbourMs: number
  readonly bridgeRounds: number
  readonly bridgeCalls: number
  readonly bridgeMegabytes: number
}

const scales = { sizesKb: [1, 10, 100, 1_000], clientCounts: [1, 8, 32, 64, 128, 256] }
const hostile = { otherLoops: 50, neighbourLoops: 50, neighbourBombs: 50, runningIsolates: 100, clients: 16 }

export const full: Settings = {
  ...scales,
  ...hostile,
  rounds: 7,
  sequentialRuns: 200,
  clientsMs: 2_000,
  scaleRounds: 3,
  scaleMs: 1_500,
  memoryRepeats: 3,
  loopStops: 40,
  loopStopsBesideOthers: 40,
  neighbourMs: 60_000,
  bridgeRounds: 5,
  bridgeCalls: 5_000,
  bridgeMegabytes: 256,
}

export const quick: Settings = {
  ...scales,
  ...hostile,
  rounds: 3,
  sequentialRuns: 40,
  clientsMs: 400,
  scaleRounds: 2,
  scaleMs: 350,
  memoryRepeats: 1,
  loopStops: 10,
  loopStopsBesideOthers: 10,
  neighbourMs: 4_000,
  bridgeRounds: 3,
  bridgeCalls: 1_000,
  bridgeMegabytes: 128,
}
