import assert from "node:assert/strict"
import { test } from "node:test"
import { findProblem } from "./workflows/find-problem.ts"
import { killRun } from "./workflows/kill-run.ts"

const hour = 3_600_000
const seed = Number(process.env["MAYFLY_SEED"] ?? Date.now() % 1_000_000)
const wanted = 500
const atOnce = 2

test("workflows come out the same after 500 random kills", { timeout: hour }, async () => {
  let kills = 0
  let round = 0
  const worker = async (): Promise<void> => {
    while (kills < wanted) {
      const plan = { seed: seed + ++round * 104_729, kills: 10, instances: 2, faults: round % 3 === 0 ? 20 : 0 }
      const report = await killRun(plan)
      kills += report.kills
      assert.deepEqual(report.problems, [], JSON.stringify(plan))
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
})

for (const mutation of ["unordered", "retried", "early"]) {
  test(`the harness notices the mutation "${mutation}"`, { timeout: hour }, async () => {
    const problem = await findProblem(mutation, seed)
    assert.notEqual(problem, "")
    // That the text to be changed is not there is no proof.
    assert.doesNotMatch(problem, /nothing to change/)
  })
}
