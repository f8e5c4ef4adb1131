// Kills a process that runs workflows at its writes, again and again, and looks whether anything was lost, done twice or came out differently.
import assert from "node:assert/strict"
import { test } from "node:test"
import { killRun } from "./workflows/kill-run.ts"
import { findProblem } from "./workflows/find-problem.ts"

const timeout = 120_000
const seed = Number(process.env["MAYFLY_SEED"] ?? Date.now() % 1_000_000)

test("workflows come out the same when their process is killed at its writes", { timeout }, async () => {
  const report = await killRun({ seed, kills: 6, instances: 2, faults: 0 })
  assert.deepEqual(report.problems, [], `MAYFLY_SEED=${seed}`)
  assert.ok(report.kills > 0)
})

test("workflows come out the same when commits fail too, before and after they were done", { timeout }, async () => {
  const report = await killRun({ seed, kills: 3, instances: 2, faults: 40 })
  assert.deepEqual(report.problems, [], `MAYFLY_SEED=${seed}`)
})

test("the harness notices an engine that gives results by name and number alone", { timeout }, async () => {
  assert.match(await findProblem("unordered", seed), /gave|ran|lost/)
})
