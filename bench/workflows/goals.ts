import { atLeast, below, divided, type Goal, most } from "../report/goals.ts"
import { contenders } from "./all.ts"
import type { Results } from "./results.ts"

/** What Mayfly's workflows want to reach, against what was measured. */
export function goalsOf(results: Results): Goal[] {
  const { sleepers, resume, naps } = results
  return [
    ...speedGoals(results),
    below("1,000 sleepers of one moment: late (p99)", rowOf(sleepers, "mayfly")?.p99Ms, 250, " ms"),
    below("1,000 under way go on after kill -9", rowOf(resume, "mayfly")?.allMs, 1_000, " ms"),
    below("a sleeping instance", naps?.bytesEach, 1_000, " bytes"),
  ]
}

function speedGoals({ speed, settings, freshPerSecond }: Results): Goal[] {
  const goals: Goal[] = []
  for (const [index, count] of settings.counts.entries()) {
    if (count === 1) continue
    const rate = (name: string): number | undefined => rowOf(speed, name)?.perSecond[index]
    const best = most(...peers.map(rate))
    const title = `${count} at once: workflows per second / best peer`
    goals.push(
      atLeast(`${title}, functions`, divided(rate("mayfly"), best), 5, "x"),
      atLeast(`${title}, scripts with reuse`, divided(rate("mayfly-warm-script"), best), 2, "x"),
    )
  }
  const index = settings.counts.indexOf(100)
  const code = rowOf(speed, "mayfly-code")?.perSecond[index]
  const steps = code === undefined ? undefined : code * settings.steps
  goals.push(atLeast("steps in fresh isolates per second / fresh runs", divided(steps, freshPerSecond), 0.8, "x"))
  return goals
}

const peers = Object.keys(contenders).filter((name) => contenders[name]?.peer !== undefined)

function rowOf<Row extends { readonly name: string }>(rows: readonly Row[] | undefined, name: string): Row | undefined {
  return rows?.find((row) => row.name === name)
}
