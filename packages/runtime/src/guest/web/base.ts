import type { Kernel } from "../kernel.ts"
import { installAbort } from "./abort.ts"
import { installBase64 } from "./base64.ts"
import { installConsole } from "./console.ts"
import { installCrypto } from "./crypto-random.ts"
import { installDOMException } from "./dom-exception.ts"
import { installEncoding } from "./encoding.ts"
import { installEvents } from "./events.ts"
import { harden } from "./harden.ts"
import { installNavigator } from "./navigator.ts"
import { boundTimers } from "./pending-timers.ts"
import { installPerformance } from "./performance.ts"
import { installTimers } from "./timers.ts"

/** Installs the globals that every isolate has. Once per isolate, before any guest code. */
export function installBase(kernel: Kernel): void {
  harden(kernel)
  const timers = boundTimers(kernel)
  kernel.define("self", globalThis)
  installDOMException(kernel)
  installEvents(kernel)
  installAbort(kernel, timers)
  installTimers(kernel, timers)
  installEncoding(kernel)
  installBase64(kernel)
  installCrypto(kernel)
  installPerformance(kernel)
  installNavigator(kernel)
  installConsole(kernel)
}
