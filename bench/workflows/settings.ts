/** How much is measured. */
export interface Settings {
  readonly rounds: number
  /** Workflows one after the other, per round. */
  readonly alone: number
  /** Workflows at once. Of slow contenders the last number is measured in one round only. */
  readonly counts: readonly number[]
  readonly steps: number
  /** For the latency of a step: what a workflow of so many steps takes longer than one of `steps`. */
  readonly longSteps: number
  readonly sleepers: number
  readonly underWay: number
  readonly sized: number
  readonly sizedSlow: number
  readonly napping: number
}

export const full: Settings = {
  rounds: 5,
  alone: 10,
  counts: [1, 100, 1_000],
  steps: 10,
  longSteps: 60,
  sleepers: 1_000,
  underWay: 1_000,
  sized: 500,
  sizedSlow: 100,
  napping: 20_000,
}

export const quick: Settings = { ...full, rounds: 2, alone: 3, sized: 200, sizedSlow: 50, napping: 5_000 }
