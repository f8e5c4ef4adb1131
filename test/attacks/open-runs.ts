import assert from "node:assert/strict"
import { createPlatform, DynamicWorker, type MayflyError, type Platform } from "mayfly"
import { hostsOf, residentMb } from "./processes.ts"

type Call = (n: number) => Promise<number>

const perTenant = 8
/** On a busy machine the flood may take minutes, and what nobody calls for one ends. */
const longEnoughMs = 3_600_000

/** One tenant holds on to whatever `runs` runs gave it. Only the last ones live on, another tenant's runs and stubs do not notice, nothing leaks. */
export async function holdStubsOf(runs: number): Promise<void> {
  await using platform = await createPlatform({ hosts: 2, spare: false, openRuns: { perTenant, idleMs: longEnoughMs } })
  const neighbour = await makerOf(platform, "neighbour")
  const theirs = (await neighbour.run(1, { stubs: true })) as Call
  const held = await flood(await makerOf(platform, "flood"), runs)
  assert.equal(platform.runtime.openRuns.size, perTenant + 1)
  const outcomes = await Promise.all(held.map((call) => call(1).catch((error: MayflyError) => error.code)))
  const [alive, ended] = [outcomes.filter(isAlive), outcomes.filter((outcome) => !isAlive(outcome))]
  assert.deepEqual([alive.length, new Set(ended)], [perTenant, new Set(["worker.stub-expired"])])
  assert.equal(await theirs(1), 2)
  assert.equal(await ((await neighbour.run(5, { stubs: true })) as Call)(1), 6)
  // Some 150 MB is what a host with its pool has without any of this.
  for (const pid of hostsOf()) assert.ok(residentMb(pid) < 600, `host ${pid} had ${residentMb(pid)} MiB`)
}

function isAlive(outcome: unknown): boolean {
  return typeof outcome === "number"
}

function makerOf(platform: Platform, tenant: string): Promise<DynamicWorker> {
  return DynamicWorker.create({
    script: "export default (by) => (n) => n + by",
    limits: { wallMs: null },
    platform,
    tenant,
  })
}

async function flood(worker: DynamicWorker, runs: number): Promise<Call[]> {
  const held: Call[] = []
  for (let at = 0; at < runs; at += 50) {
    const some = Array.from({ length: 50 }, () => worker.run(at, { stubs: true }))
    held.push(...((await Promise.all(some)) as Call[]))
  }
  return held
}
