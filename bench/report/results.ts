import type { BridgeRow } from "../measure/bridge.ts"
import type { LimitFigures } from "../measure/limits.ts"
import type { MemoryFigures } from "../measure/memory.ts"
import type { NeighbourFigures } from "../measure/neighbour.ts"
import type { ScaleRow } from "../measure/scale.ts"
import type { Settings } from "../measure/settings.ts"
import type { SpeedRow } from "../measure/speed.ts"
import type { Machine } from "./machine.ts"

/** Everything that one call of the bench found out; the JSON file. A section that was not asked for is not there. */
export interface Results {
  readonly commit: string
  readonly command: string
  readonly date: string
  readonly machine: Machine
  readonly settings: Settings
  /** Contenders left out, and why. */
  readonly skipped: Readonly<Record<string, string>>
  readonly speed?: readonly SpeedRow[]
  readonly sizes?: readonly ScaleRow[]
  readonly clients?: readonly ScaleRow[]
  readonly memory?: MemoryFigures
  readonly limits?: LimitFigures
  readonly neighbour?: NeighbourFigures
  readonly bridge?: readonly BridgeRow[]
}
