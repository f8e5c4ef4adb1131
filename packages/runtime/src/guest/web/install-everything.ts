import type { Kernel } from "../kernel.ts"
import { installBase } from "./base.ts"
import { installConsole } from "./console.ts"
import { installCore } from "./core.ts"
import { boundTimers } from "./pending-timers.ts"

/** Test support: what the chunks would install, at once. */
export function installEverything(kernel: Kernel): void {
  const timers = boundTimers(kernel)
  installCore(kernel, timers)
  installBase(kernel, timers)
  installConsole(kernel)
}
