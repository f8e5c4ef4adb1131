import { beyondPolicy, learnedPolicy, type Run } from "@mayfly/platform"
import type { NetworkPolicy } from "@mayfly/protocol"
import { type Output, paint } from "./output.ts"
import { safeLine } from "./safe-line.ts"

/** The smallest policy for what a run did, on stdout; what it wants beyond `known`, on stderr. */
export function printLearned(output: Output, run: Run, known: NetworkPolicy | undefined): void {
  output.stdout.write(`${JSON.stringify(learnedPolicy(run.egress), null, 2)}\n`)
  if (known === undefined) return
  const beyond = beyondPolicy(known, run.egress)
  for (const { method, origin, path } of beyond) {
    output.stderr.write(`${paint(output, "stderr", "yellow", safeLine(`+ ${method} ${origin}${path}`))}\n`)
  }
  if (beyond.length === 0) output.stderr.write("nothing beyond the policy\n")
}
