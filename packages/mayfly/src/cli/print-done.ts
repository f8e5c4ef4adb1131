import { jsonLine } from "@mayfly/protocol"
import type { ApiFlags } from "./api-options.ts"
import type { Output } from "./output.ts"

/** The end of a command that has nothing to show: silence for people, one object for programs. */
export function printDone({ json }: ApiFlags, { stdout }: Output): void {
  if (json === true) stdout.write(jsonLine({ ok: true }))
}
