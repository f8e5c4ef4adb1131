import type { Kernel } from "../kernel.ts"
import { installDerivedEvents } from "./derived-events.ts"
import { installEventTarget } from "./event-target.ts"

/** Event, EventTarget and the events that only carry data. */
export function installEvents(kernel: Kernel): void {
  installEventTarget(kernel)
  installDerivedEvents(kernel)
}
