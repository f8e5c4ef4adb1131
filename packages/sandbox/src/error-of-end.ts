import { MayflyError } from "@mayfly/protocol"
import type { SandboxEnd } from "./sandbox-provider.ts"

/** The error of calls that a sandbox's end cut off. */
export function errorOfEnd(end: SandboxEnd): MayflyError {
  switch (end.reason) {
    case "stopped":
      return new MayflyError("sandbox.stopped", "the sandbox was stopped")
    case "crashed":
      return new MayflyError("sandbox.crashed", `the sandbox has ended: ${end.detail}`)
    case "limit":
      return new MayflyError("sandbox.limit", `the sandbox was ended: ${end.detail} (limits.${end.limit})`, {
        details: { limit: end.limit },
      })
  }
}
