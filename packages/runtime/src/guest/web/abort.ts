import type { Kernel } from "../kernel.ts"
import type { AbortSignal } from "./abort-signal.ts"
import { abortSignal, createSignal, installAbortSignal } from "./abort-signal.ts"
import { defineInterface } from "./define-global.ts"
import type { PendingTimers } from "./pending-timers.ts"

/** https://dom.spec.whatwg.org/#interface-abortcontroller */
export class AbortController {
  #signal = createSignal()

  get signal(): AbortSignal {
    return this.#signal
  }

  abort(reason?: unknown): void {
    abortSignal(this.#signal, reason)
  }
}

export function installAbort(kernel: Kernel, pending: PendingTimers): void {
  installAbortSignal(kernel, pending)
  defineInterface(kernel, "AbortController", AbortController)
}
