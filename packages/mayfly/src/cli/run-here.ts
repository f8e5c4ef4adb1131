import { createPlatform, type DynamicWorkerOptions, type ProgramPlan, planWorker, runToJson } from "@mayfly/platform"
import { runProgram, streamProgram } from "@mayfly/server/program"
import type { RunNetwork } from "./run-network.ts"
import type { GivenProgram, RunPlace } from "./run-place.ts"

/** Runs programs in processes of this machine, and says what one needs. */
export interface RunHere extends RunPlace {
  plan(program: GivenProgram): Promise<ProgramPlan>
}

/** One host process and nothing in reserve: what a single run needs, started at once. */
export async function openHere({ secrets }: RunNetwork): Promise<RunHere> {
  const platform = await createPlatform({ hosts: 1, isolates: 1, spare: false, secrets })
  const optionsOf = ({ options, text }: GivenProgram): DynamicWorkerOptions => ({
    ...options,
    ...text.source,
    platform,
  })
  return {
    call(given, signal) {
      const program = { options: optionsOf(given), call: given.call }
      return {
        end: async () => runToJson(await runProgram(program, signal)),
        events: () => streamProgram(program, signal),
      }
    },
    plan: (given) => planWorker(optionsOf(given)),
    [Symbol.asyncDispose]: () => platform.dispose(),
  }
}
