import assert from "node:assert/strict"
import { type ChildProcessByStdio, execFile, spawn } from "node:child_process"
import { once } from "node:events"
import { readFileSync, rmSync } from "node:fs"
import { createInterface } from "node:readline"
import type { Readable } from "node:stream"
import { test, type TestContext } from "node:test"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { eventually, hostsOf, processesOf } from "../attacks/processes.ts"
import { type AnyFacet, openScene, temporaryFolder } from "../e2e/facet-fixture.ts"

const timeout = 60_000
const program = fileURLToPath(new URL("facet-program.ts", import.meta.url))
const nodeArgs = ["--conditions=source", "--disable-warning=ExperimentalWarning", program]
const storagesOf = (): number[] => processesOf("/storage.cjs")

interface State {
  readonly rows: readonly number[]
  readonly last: number
  readonly fired: number
}

function folderOf(t: TestContext): string {
  const folder = temporaryFolder()
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

async function stateIn(folder: string): Promise<State> {
  const { stdout } = await promisify(execFile)(process.execPath, [...nodeArgs, folder, "read"])
  return JSON.parse(stdout) as State
}

/** The program's lines until `enough`; then it is killed, as a power cut would do it. */
async function killAfter(
  folder: string,
  mode: string,
  enough: (lines: readonly string[]) => boolean,
): Promise<string[]> {
  const child: ChildProcessByStdio<null, Readable, null> = spawn(process.execPath, [...nodeArgs, folder, mode], {
    stdio: ["ignore", "pipe", "inherit"],
  })
  const lines: string[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line)
    if (enough(lines)) child.kill("SIGKILL")
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit")
  return lines
}

test("a program killed between writes finds all that was answered, and nothing half", { timeout }, async (t) => {
  const folder = folderOf(t)
  let known = 0
  for (const writes of [7, 23]) {
    const lines = await killAfter(folder, "write", (seen) => seen.length >= writes)
    const { rows, last } = await stateIn(folder)
    const answered = lines.length
    // The last write may be there although its answer was never seen.
    assert.ok(rows.length - known >= answered, `${rows.length} rows, ${answered} answers`)
    assert.ok(rows.length - known <= answered + 1, `${rows.length} rows, ${answered} answers`)
    assert.equal(last, rows.length - known)
    known = rows.length
  }
})

test("an alarm fires in the next process when the first was killed", { timeout }, async (t) => {
  const folder = folderOf(t)
  assert.deepEqual(await killAfter(folder, "alarm", (lines) => lines.includes("set")), ["set"])
  assert.deepEqual(await killAfter(folder, "wait", (lines) => lines.includes("fired")), ["fired"])
})

const body = `
  add(n) { this.ctx.storage.kv.put("k" + n, n); return n }
  count() { return [...this.ctx.storage.kv.list()].length }
  async hang() { this.ctx.storage.kv.put("hang", 1); await new Promise(() => {}) }
  sum() {
    const query = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 4000000) SELECT sum(x) AS s FROM n"
    this.ctx.storage.kv.put("before", 1)
    return this.ctx.storage.sql.exec(query).one().s
  }`

function kill(pids: readonly number[]): void {
  for (const pid of pids) process.kill(pid, "SIGKILL")
}

/** Hundredths of a second that a process has computed. */
function cpuTicks(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ")[11] ?? 0)
}

async function code(work: Promise<unknown> | undefined): Promise<string> {
  try {
    await work
    return "ok"
  } catch (error) {
    return String((error as { code?: unknown }).code)
  }
}

test("a killed host costs the calls under way; the facet goes on with its storage", { timeout }, async () => {
  await using scene = await openScene()
  const facet = scene.facet("f", body)
  await facet["add"]?.(1)
  const hanging = code(facet["hang"]?.())
  assert.equal(await facet["add"]?.(2), 2)
  kill(hostsOf())
  assert.equal(await hanging, "worker.host-crashed")
  assert.deepEqual([await facet["add"]?.(3), await facet["count"]?.()], [3, 4])
})

test("a killed storage process costs nobody anything: open transactions are done again", { timeout }, async () => {
  await using scene = await openScene()
  const facet = scene.facet("f", body)
  const neighbour = scene.facet("neighbour", body)
  await Promise.all([facet["add"]?.(1), neighbour["add"]?.(1)])
  kill(storagesOf())
  assert.deepEqual([await facet["count"]?.(), await neighbour["count"]?.()], [1, 1])
  const pids = storagesOf()
  const working = facet["sum"]?.()
  await eventually(() => pids.some((pid) => cpuTicks(pid) > 30), "the query runs")
  kill(pids)
  assert.equal(await working, 8_000_002_000_000)
  assert.deepEqual([await facet["count"]?.(), await neighbour["count"]?.()], [2, 1])
})

test("writes go on while host and storage are killed again and again", { timeout }, async () => {
  await using scene = await openScene()
  const facet: AnyFacet = scene.facet("f", body)
  const answered: number[] = []
  for (let n = 0; n < 60; n++) {
    if (n % 10 === 3) kill(hostsOf())
    if (n % 10 === 7) kill(storagesOf())
    if ((await code(facet["add"]?.(n))) === "ok") answered.push(n)
  }
  const count = (await facet["count"]?.()) as number
  assert.ok(answered.length >= 40, `${answered.length} of 60 were answered`)
  assert.ok(count >= answered.length, `${count} are there, ${answered.length} were answered`)
})
