import { killRun } from "./kill-run.ts"

const tries = 12

/** Breaks the engine on purpose until the harness finds something wrong; "" when it never does. */
export async function findProblem(mutation: string, seed: number): Promise<string> {
  // Without faults a commit is never made again.
  const faults = mutation === "retried" ? 80 : 0
  for (let round = 0; round < tries; round++) {
    const plan = { seed: seed + round * 15_485_863, kills: 4, instances: 4, faults, mutation }
    const { problems } = await killRun(plan)
    const [first] = problems
    if (first !== undefined) return first
  }
  return ""
}
