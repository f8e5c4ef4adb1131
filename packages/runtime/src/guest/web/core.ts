import type { Kernel } from "../kernel.ts"
import { harden } from "./harden.ts"
import { boundTimers } from "./pending-timers.ts"
import { installTimers } from "./timers.ts"

/**
 * What every isolate has from the start. It is evaluated in each one, also in those whose program needs nothing of it: what is not needed for
 * safety, or by most programs, belongs into a chunk.
 */
export function installCore(kernel: Kernel, timers = boundTimers(kernel)): void {
  harden(kernel)
  kernel.define("self", globalThis)
  installTimers(kernel, timers)
}
