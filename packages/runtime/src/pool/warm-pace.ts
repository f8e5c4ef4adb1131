const maxKeys = 1_000
/** What may stand in line for a warm isolate, in milliseconds of its runs, and how many. */
const maxLineMs = 4
const maxLine = 16
const leastLine = 2
/** Weight of the latest run in the mean. */
const weight = 0.2

/** How long the warm runs of each worker take, so that only short ones wait behind each other where a lane begins them together. */
export class WarmPace {
  readonly #meanMs = new Map<string, number>()

  /** A run with this key is over. The figure comes from a host process: it only decides where runs wait. */
  note(key: string, cpuMs: number): void {
    const mean = this.#meanMs.get(key)
    if (mean === undefined && this.#meanMs.size >= maxKeys) this.#forgetOne()
    this.#meanMs.set(key, mean === undefined ? cpuMs : mean + (cpuMs - mean) * weight)
  }

  /** How many runs that are not under way yet one host may have when another one with this key comes to it. */
  line(key: string | undefined): number {
    const mean = key === undefined ? undefined : this.#meanMs.get(key)
    if (mean === undefined) return leastLine
    return Math.max(leastLine, Math.min(maxLine, Math.floor(maxLineMs / Math.max(mean, 0.001))))
  }

  #forgetOne(): void {
    const [first] = this.#meanMs.keys()
    if (first !== undefined) this.#meanMs.delete(first)
  }
}
