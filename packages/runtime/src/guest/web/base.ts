import type { Kernel } from "../kernel.ts"
import { installAbort } from "./abort.ts"
import { installBase64 } from "./base64.ts"
import { installCrypto } from "./crypto-random.ts"
import { installDOMException } from "./dom-exception.ts"
import { installEncoding } from "./encoding.ts"
import { installEvents } from "./events.ts"
import { installNavigator } from "./navigator.ts"
import { boundTimers } from "./pending-timers.ts"
import { installPerformance } from "./performance.ts"

/** Installs the small web globals: events, abort, text encoding, base64, randomness. */
export function installBase(kernel: Kernel, timers = boundTimers(kernel)): void {
  installDOMException(kernel)
  installEvents(kernel)
  installAbort(kernel, timers)
  installEncoding(kernel)
  installBase64(kernel)
  installCrypto(kernel)
  installPerformance(kernel)
  installNavigator(kernel)
}
