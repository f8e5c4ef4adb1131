import type { Machine } from "../report/machine.ts"
import type { NapFigures } from "./measure-naps.ts"
import type { ResumeRow, SizeRow, SleeperRow } from "./measure-rest.ts"
import type { SpeedRow } from "./measure-speed.ts"
import type { Settings } from "./settings.ts"

/** Everything that one call of the bench found out; the JSON file. A section that was not asked for is not there. */
export interface Results {
  readonly commit: string
  readonly command: string
  readonly date: string
  readonly machine: Machine
  readonly settings: Settings
  /** What could not be measured, and why. */
  readonly failures: readonly string[]
  readonly speed?: readonly SpeedRow[]
  /** Runs of `worker.run` in fresh isolates, 16 at once: what steps in fresh isolates are held against. */
  readonly freshPerSecond?: number
  readonly sleepers?: readonly SleeperRow[]
  readonly resume?: readonly ResumeRow[]
  readonly size?: readonly SizeRow[]
  readonly naps?: NapFigures
}
