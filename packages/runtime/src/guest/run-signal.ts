import { runTarget } from "../bridge/run-target.ts"
import type { GuestKernel } from "./guest-kernel.ts"

interface Base {
  readonly AbortController: new () => { readonly signal: unknown; abort(reason: unknown): void }
  readonly DOMException: new (message: string, name: string) => unknown
}

/** A signal that the supervisor fires: by answering a call that waits for it. */
export function createRunSignal(kernel: GuestKernel): unknown {
  const { AbortController, DOMException } = kernel.chunk<Record<string, unknown>>("base") as unknown as Base
  const controller = new AbortController()
  const wait = async (): Promise<void> => {
    try {
      const { name, message } = (await kernel.session.call(runTarget, "aborted", [])) as Record<string, string>
      controller.abort(new DOMException(`${message}`, `${name}`))
    } catch {
      // The run is over.
    }
  }
  void wait()
  return controller.signal
}
