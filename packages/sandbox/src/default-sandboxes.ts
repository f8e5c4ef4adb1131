import { MayflyError } from "@mayfly/protocol"
import type { Sandboxes } from "./sandboxes.ts"

let provider: (() => Sandboxes) | undefined

/** Says where sandboxes are kept that are given no platform. Called once by the package that has a platform. */
export function provideDefaultSandboxes(provide: () => Sandboxes): void {
  provider = provide
}

export function defaultSandboxes(): Sandboxes {
  if (provider === undefined) throw new MayflyError("input.invalid", "platform is missing: give one in the options")
  return provider()
}
