import assert from "node:assert/strict"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { mayflyHere as mayfly } from "./mayfly-here.ts"
import { serve } from "./served.ts"

const { folder, data } = await serve("accounts-cli")

async function ok(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await mayfly([...args, "--data", data])
  assert.equal(code, 0, stderr)
  return stdout
}

async function json(...args: string[]): Promise<Record<string, unknown>> {
  return JSON.parse(await ok(...args, "--json")) as Record<string, unknown>
}

test("worker deploy, run, versions, rollback, rm", async () => {
  const file = join(folder, "greet.ts")
  writeFileSync(join(folder, "word.ts"), "export const word: string = 'hello '")
  writeFileSync(file, "import { word } from './word.ts'\nexport default (input: string) => word + input")
  const first = await json("worker", "deploy", "greet", file)
  const ran = await mayfly(["worker", "run", "greet", "--input", '"you"', "--data", data])
  assert.deepEqual([ran.code, ran.stdout], [0, '"hello you"\n'])
  writeFileSync(file, "throw new Error('broken')")
  await ok("worker", "deploy", "greet", file)
  const [failed, versions, listed] = await Promise.all([
    mayfly(["worker", "run", "greet", "--data", data]),
    ok("worker", "versions", "greet"),
    json("worker", "ls"),
  ])
  assert.equal(failed.code, 1)
  assert.match(failed.stderr, /broken/)
  assert.deepEqual(
    versions.split("\n").map((line) => line.slice(0, 1)),
    ["*", " ", ""],
  )
  assert.equal(listed["name"], "greet")
  assert.equal((await json("worker", "rollback", "greet", String(first["version"])))["version"], first["version"])
  await ok("worker", "rm", "greet")
  const [gone, wrong] = await Promise.all([
    mayfly(["worker", "run", "greet", "--data", data]),
    mayfly(["worker", "deploy", "greet", file, "--cpu", "much", "--data", data]),
  ])
  assert.deepEqual([gone.code, /worker\.not-found/.test(gone.stderr)], [1, true])
  assert.deepEqual([wrong.code, /--cpu/.test(wrong.stderr)], [2, true])
})

test("tenants set, show, suspend, resume; runs ls, show, cancel; usage in all forms", async () => {
  const quota = { concurrentRuns: 5, limits: { memoryMb: 256 } }
  const set = await json("tenants", "set", "acme", "--quota", JSON.stringify(quota))
  assert.deepEqual(set["quota"], quota)
  const file = join(folder, "answer.js")
  writeFileSync(file, "console.log('said'); return 42")
  await ok("worker", "deploy", "answer", file, "--tenant", "acme")
  await ok("worker", "run", "answer", "--tenant", "acme")
  await json("tenants", "suspend", "acme", "--reason", "tests")
  const refused = await mayfly(["worker", "run", "answer", "--tenant", "acme", "--data", data])
  assert.deepEqual([refused.code, /tenant\.suspended.*tests/.test(refused.stderr)], [1, true])
  const shown = await ok("tenants", "show", "acme")
  assert.match(shown, /suspended since .* tests/)
  assert.equal((await json("tenants", "resume", "acme"))["suspended"], null)
  const [run, usage, csv, people, tenants, bad] = await Promise.all([
    json("runs", "ls", "--tenant", "acme"),
    json("usage", "--tenant", "acme", "--by", "worker"),
    ok("usage", "--csv", "--by", "worker", "--tenant", "acme"),
    ok("usage", "--compare"),
    ok("tenants", "ls"),
    mayfly(["tenants", "set", "acme", "--budget", '{"week":{}}', "--data", data]),
  ])
  assert.deepEqual([run["worker"], run["status"]], ["answer", "succeeded"])
  const rows = usage["rows"] as { worker: string; runs: number }[]
  assert.deepEqual(
    rows.map(({ worker, runs }) => [worker, runs]),
    [["answer", 1]],
  )
  assert.match(csv, /^worker,runs,failedRuns,.*\r\nanswer,1,0,/)
  assert.match(people, /acme +1 runs \(0 failed\).*\n.*total .*\nat list prices of \d{4}-\d{2}-\d{2}.*\n.*Cloudflare/s)
  assert.match(tenants, /^acme +1 runs today/m)
  assert.deepEqual([bad.code, /week/.test(bad.stderr)], [2, true])
  const details = await mayfly(["runs", "show", String(run["id"]), "--data", data])
  assert.deepEqual([details.code, details.stdout.endsWith("\n42\n"), /said/.test(details.stderr)], [0, true, true])
  const late = await mayfly(["runs", "cancel", String(run["id"]), "--data", data])
  assert.deepEqual([late.code, /run\.ended/.test(late.stderr)], [1, true])
})
