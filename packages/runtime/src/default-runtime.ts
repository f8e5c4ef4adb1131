import { MayflyError } from "@mayfly/protocol"
import type { Runtime } from "./runtime.ts"

let provider: (() => Runtime) | undefined

/** Says where workers run that are given no platform. Called once by the package that has a platform. */
export function provideDefaultRuntime(provide: () => Runtime): void {
  provider = provide
}

export function defaultRuntime(): Runtime {
  if (provider === undefined) throw new MayflyError("input.invalid", "platform is missing: give one in the options")
  return provider()
}
