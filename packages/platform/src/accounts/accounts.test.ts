import assert from "node:assert/strict"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, test, type TestContext } from "node:test"
import { text } from "node:stream/consumers"
import { MayflyError } from "@mayfly/protocol"
import { Webhook } from "standardwebhooks"
import {
  type BudgetAlert,
  createPlatform,
  createWebhookSecret,
  DynamicWorker,
  type Platform,
  type PlatformOptions,
} from "../index.ts"

const small = { hosts: 1, isolates: 2, spare: false } as const
const shared = await createPlatform(small)
after(() => shared.dispose())
const today = new Date().toISOString().slice(0, 10)

function folder(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "mayfly-accounts-"))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

async function platformOf(t: TestContext, options: PlatformOptions): Promise<Platform> {
  const platform = await createPlatform({ ...small, ...options })
  t.after(() => platform.dispose())
  return platform
}

function coded(code: string): (error: unknown) => boolean {
  return (error) => error instanceof MayflyError && error.code === code
}

const loop = "for (;;) {}"
const waits = "await new Promise((resolve) => setTimeout(resolve, 60_000))"

/** Resolves when the tenant has so many runs in isolates. */
async function underWay(platform: Platform, tenant: string, count: number): Promise<readonly string[]> {
  for (;;) {
    const { runs } = await platform.runs.list({ tenant, status: "running" })
    if (runs.length >= count) return runs.map(({ id }) => id)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

test("usage is the sum of what the runs say, by tenant, worker and day", async () => {
  const made = { tenant: "sums", platform: shared }
  const add = await DynamicWorker.create({
    ...made,
    script: "(input) => { let s = 0; for (let i = 0; i < 1e6; i++) s += i; return s + input }",
  })
  const named = await DynamicWorker.create({ ...made, name: "throws", script: "() => { throw new Error('no') }" })
  const runs = [await add.execute(1), await add.execute(2), await named.execute()]
  const sum = (of: (usage: (typeof runs)[number]["usage"]) => number, from = runs): number =>
    from.reduce((total, { usage }) => total + Math.round(of(usage) * 1_000), 0) / 1_000
  const { rows, total, from, to } = await shared.usage.query({ tenant: "sums", by: ["tenant", "worker", "day"] })
  assert.deepEqual([from, to], [`${today.slice(0, 7)}-01`, today])
  assert.equal(rows.length, 2)
  const ofAdd = rows.find(({ worker }) => worker === add.hash)
  const { memoryGbMs, ...rest } = ofAdd ?? assert.fail()
  assert.ok(memoryGbMs > 0)
  const of = runs.slice(0, 2)
  assert.deepEqual(rest, {
    tenant: "sums",
    worker: add.hash,
    day: today,
    runs: 2,
    failedRuns: 0,
    cpuMs: sum(({ cpuMs }) => cpuMs, of),
    wallMs: sum(({ wallMs }) => wallMs, of),
    bytesIn: sum(({ bytesIn }) => bytesIn, of),
    bytesOut: sum(({ bytesOut }) => bytesOut, of),
    subRequests: 0,
    bindingCalls: 0,
    workflowInstances: 0,
    workflowSteps: 0,
    sandboxMs: 0,
    sandboxCpuMs: 0,
    sandboxMemoryGbMs: 0,
  })
  assert.deepEqual([total.runs, total.failedRuns, total.cpuMs], [3, 1, sum(({ cpuMs }) => cpuMs)])
  assert.deepEqual(new Set(rows.map(({ worker }) => worker)), new Set([add.hash, "throws"]))
})

test("the CPU of a run that its caller takes away is counted all the same", async (t) => {
  const platform = await platformOf(t, {})
  const limits = { cpuMs: null, wallMs: null }
  const script =
    "console.log('begun'); const from = Date.now(); while (Date.now() < from + 30); console.log('on'); for (;;) {}"
  const worker = await DynamicWorker.create({ tenant: "gone", platform, script, limits })
  for await (const event of worker.stream()) if (event.type === "log" && event.message === "on") break
  for (let cpuMs = 0; cpuMs < 10;) ({ cpuMs } = (await platform.usage.query({ tenant: "gone" })).total)
})

test("a tenant's runs wait for their turn, and are refused beyond the queue; another tenant does not notice", async (t) => {
  const platform = await platformOf(t, {})
  await platform.tenants.set("few", { quota: { concurrentRuns: 1, queuedRuns: 2 } })
  const worker = await DynamicWorker.create({ tenant: "few", platform, script: waits })
  const cancel = new AbortController()
  const runs = Array.from({ length: 4 }, () => worker.execute(undefined, { signal: cancel.signal }))
  const ends = await Promise.allSettled(runs.slice(3))
  assert.deepEqual(
    ends.map((end) => end.status === "rejected" && (end.reason as MayflyError).code),
    ["quota.concurrency"],
  )
  const { running, waiting } = await platform.tenants.get("few")
  assert.deepEqual([running, waiting], [1, 2])
  const other = await DynamicWorker.create({ tenant: "other", platform, script: "1 + 1" })
  assert.equal(await other.run(), 2)
  cancel.abort()
  const rest = await Promise.allSettled(runs.slice(0, 3))
  const codes = rest.map((end) =>
    end.status === "fulfilled" && !end.value.ok
      ? end.value.error.code
      : end.status === "rejected" && (end.reason as MayflyError).code,
  )
  assert.deepEqual(codes, ["worker.aborted", "worker.aborted", "worker.aborted"])
  assert.deepEqual((({ running, waiting }) => [running, waiting])(await platform.tenants.get("few")), [0, 0])
})

test("a rate lets the burst in and says when the next may come", async () => {
  await shared.tenants.set("rated", { quota: { runsPerSecond: 0.01, burst: 3 } })
  const worker = await DynamicWorker.create({ tenant: "rated", platform: shared, script: "1" })
  const ends = await Promise.allSettled(Array.from({ length: 20 }, () => worker.run()))
  assert.equal(ends.filter(({ status }) => status === "fulfilled").length, 3)
  const refused = ends.flatMap((end) => (end.status === "rejected" ? [end.reason as MayflyError] : []))
  assert.deepEqual(new Set(refused.map(({ code }) => code)), new Set(["quota.rate"]))
  const [first] = refused
  assert.ok(Number(first?.details["retryAfterMs"]) > 90_000)
  const { resetMs, ...rate } = (await shared.tenants.rate("rated")) ?? assert.fail()
  assert.deepEqual(rate, { limit: 3, windowMs: 300_000, remaining: 0 })
  assert.ok(resetMs > 290_000)
})

test("limits above the quota are refused when asked for, and lowered when they are only the default", async () => {
  await shared.tenants.set("small", { quota: { limits: { cpuMs: 100, memoryMb: 64 } } })
  const made = { tenant: "small", platform: shared }
  const modest = await DynamicWorker.create({ ...made, script: "1" })
  assert.equal(await modest.run(), 1)
  const looping = await DynamicWorker.create({ ...made, script: loop })
  const { error } = (await looping.execute()) as { error?: MayflyError }
  assert.deepEqual([error?.code, error?.details["value"]], ["worker.cpu-limit", 100])
  for (const limits of [{ cpuMs: null }, { cpuMs: 2_000 }, { memoryMb: 65 }]) {
    const greedy = await DynamicWorker.create({ ...made, script: "1", limits })
    await assert.rejects(greedy.run(), coded("quota.limit"), JSON.stringify(limits))
  }
})

test("a hard budget of runs holds to the run under a race, and is told once", async (t) => {
  const platform = await platformOf(t, { budget: { day: { soft: { runs: 5 }, hard: { runs: 10 } } } })
  const alerts: BudgetAlert[] = []
  platform.tenants.onAlert((alert) => alerts.push(alert))
  const worker = await DynamicWorker.create({ tenant: "ten", platform, script: "1" })
  const ends = await Promise.allSettled(Array.from({ length: 100 }, () => worker.run()))
  assert.equal(ends.filter(({ status }) => status === "fulfilled").length, 10)
  await assert.rejects(worker.run(), coded("quota.budget"))
  const resetsAt = Date.parse(today) + 86_400_000
  const alert = { tenant: "ten", period: "day", amount: "runs", resetsAt }
  assert.deepEqual(alerts, [
    { ...alert, kind: "soft", used: 5, limit: 5 },
    { ...alert, kind: "hard", used: 10, limit: 10 },
  ])
  assert.equal((await platform.usage.query({ tenant: "ten" })).total.runs, 10)
})

test("a hard budget of CPU ends what is under way, whoever asked for how much", async (t) => {
  const platform = await platformOf(t, {})
  await platform.tenants.set("cpu", { budget: { month: { hard: { cpuMs: 100 } } } })
  const worker = await DynamicWorker.create({
    tenant: "cpu",
    platform,
    script: loop,
    limits: { cpuMs: null, wallMs: null },
  })
  const ends = await Promise.allSettled(Array.from({ length: 50 }, () => worker.run()))
  assert.ok(ends.every(({ status }) => status === "rejected"))
  await assert.rejects(worker.run(), coded("quota.budget"))
  const { cpuMs } = (await platform.usage.query({ tenant: "cpu" })).total
  // A lane's worth each, not fifty.
  assert.ok(cpuMs >= 100 && cpuMs < 2_500, String(cpuMs))
})

test("the kill switch ends what runs and waits, refuses what comes, and lasts over a restart", async (t) => {
  const dataDir = folder(t)
  {
    await using platform = await createPlatform({ ...small, dataDir })
    await platform.tenants.set("bad", { quota: { concurrentRuns: 2 } })
    const worker = await DynamicWorker.create({ tenant: "bad", platform, script: waits })
    const runs = Promise.allSettled(Array.from({ length: 5 }, () => worker.run()))
    await underWay(platform, "bad", 2)
    const { suspended, running, waiting } = await platform.tenants.suspend("bad", "spam")
    assert.deepEqual([suspended?.reason, running, waiting], ["spam", 0, 0])
    const codes = (await runs).map((end) => end.status === "rejected" && (end.reason as MayflyError).code)
    assert.deepEqual(
      codes,
      Array.from({ length: 5 }, () => "tenant.suspended"),
    )
    await assert.rejects(worker.run(), coded("tenant.suspended"))
  }
  await using platform = await createPlatform({ ...small, dataDir })
  const worker = await DynamicWorker.create({ tenant: "bad", platform, script: "1" })
  await assert.rejects(worker.run(), coded("tenant.suspended"))
  await platform.tenants.resume("bad")
  assert.equal(await worker.run(), 1)
  assert.deepEqual((await platform.tenants.get("bad")).quota, { concurrentRuns: 2 })
})

test("the history has what runs and what ran, page by page, and forgets the oldest", async (t) => {
  const platform = await platformOf(t, { history: { maxRunsOfTenant: 20 } })
  const made = { tenant: "past", platform }
  const worker = await DynamicWorker.create({
    ...made,
    name: "echo",
    script: "(n) => { console.log(n); return { n } }",
  })
  const bad = await DynamicWorker.create({ ...made, script: "() => { throw new RangeError('too far') }" })
  for (let n = 0; n < 30; n++) await worker.run(n)
  const failed = await bad.execute()
  const waiting = await DynamicWorker.create({ ...made, script: waits })
  const cancelled = waiting.execute()
  const [live = ""] = await underWay(platform, "past", 1)
  const first = await platform.runs.list({ tenant: "past", limit: 3 })
  assert.deepEqual(
    first.runs.map(({ status, worker: name }) => [status, name]),
    [
      ["running", waiting.hash],
      ["failed", bad.hash],
      ["succeeded", "echo"],
    ],
  )
  const all: string[] = []
  for (let cursor = first.cursor; cursor !== null;) {
    const page = await platform.runs.list({ tenant: "past", limit: 5, cursor })
    all.push(...page.runs.map(({ id }) => id))
    ;({ cursor } = page)
  }
  assert.ok(all.length >= 15 && all.length <= 18, String(all.length))
  assert.equal(new Set(all).size, all.length)
  const [last] = first.runs.slice(2)
  const details = await platform.runs.get(last?.id ?? "", { tenant: "past" })
  const { usage, startedAt, endedAt, logs, ...rest } = details
  assert.deepEqual(rest, {
    id: last?.id,
    tenant: "past",
    worker: "echo",
    hash: worker.hash,
    status: "succeeded",
    egress: 0,
    result: { n: 29 },
  })
  assert.deepEqual([logs?.map(({ message }) => message), usage?.bindingCalls], [["29"], 0])
  assert.ok((startedAt ?? Infinity) <= (endedAt ?? 0))
  const failure = await platform.runs.get(failed.id)
  assert.deepEqual([failure.error?.code, failure.error?.details["name"]], ["worker.guest", "RangeError"])
  await assert.rejects(platform.runs.get(failed.id, { tenant: "foreign" }), coded("run.not-found"))
  await assert.rejects(platform.runs.cancel(live, { tenant: "foreign" }), coded("run.not-found"))
  await platform.runs.cancel(live, { tenant: "past" })
  const { ok } = await cancelled
  assert.deepEqual([ok, (await platform.runs.get(live)).status], [false, "cancelled"])
  await assert.rejects(platform.runs.cancel(live), coded("run.ended"))
})

test("what was used is there after a restart, and counts against the budget", async (t) => {
  const dataDir = folder(t)
  const budget = { day: { soft: { runs: 2 }, hard: { runs: 5 } } }
  let used: unknown
  {
    await using platform = await createPlatform({ ...small, dataDir, budget })
    const worker = await DynamicWorker.create({ tenant: "kept", platform, script: "1" })
    for (let n = 0; n < 4; n++) await worker.run()
    used = (await platform.usage.query({ tenant: "kept", by: ["worker", "day"] })).rows
  }
  await using platform = await createPlatform({ ...small, dataDir, budget })
  const alerts: BudgetAlert[] = []
  platform.tenants.onAlert((alert) => alerts.push(alert))
  assert.deepEqual((await platform.usage.query({ tenant: "kept", by: ["worker", "day"] })).rows, used)
  const worker = await DynamicWorker.create({ tenant: "kept", platform, script: "1" })
  await worker.run()
  await assert.rejects(worker.run(), coded("quota.budget"))
  assert.deepEqual(
    alerts.map(({ kind }) => kind),
    ["hard"],
  )
})

test("quotas and budgets that make no sense are refused by name", async () => {
  const bad: [unknown, string][] = [
    [{ quota: { concurrentRuns: 0 } }, "quota.concurrentRuns"],
    [{ quota: { cpu: 1 } }, "quota.cpu"],
    [{ quota: { limits: { cpuMs: null } } }, "quota.limits.cpuMs"],
    [{ quota: { runsPerSecond: "5" } }, "quota.runsPerSecond"],
    [{ budget: { week: {} } }, "budget.week"],
    [{ budget: { day: { hard: { runs: -1 } } } }, "budget.day.hard.runs"],
    [{ budget: { day: { harder: {} } } }, "budget.day.harder"],
    [{ quota: [] }, "quota"],
  ]
  for (const [changes, path] of bad) {
    await assert.rejects(
      shared.tenants.set("t", changes as object),
      (error) => error instanceof MayflyError && error.code === "input.invalid" && error.details["path"] === path,
      path,
    )
  }
  await assert.rejects(createPlatform({ quota: { x: 1 } as object }), coded("input.invalid"))
  await assert.rejects(shared.tenants.get("no spaces"), coded("input.invalid"))
})

test("a budget that is reached comes as a signed webhook", async (t) => {
  const { promise: posted, resolve } = Promise.withResolvers<unknown>()
  const secret = createWebhookSecret()
  const receiver = createServer(async (request, response) => {
    const body = await text(request)
    resolve(new Webhook(secret).verify(body, request.headers as Record<string, string>))
    response.end()
  }).listen(0, "127.0.0.1")
  t.after(() => receiver.close())
  await once(receiver, "listening")
  const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`
  const budget = { month: { soft: { runs: 1 } } }
  const platform = await platformOf(t, { budget, webhooks: [{ url, secret }] })
  const worker = await DynamicWorker.create({ tenant: "told", platform, script: "1" })
  await worker.run()
  const { type, data } = (await posted) as { type: string; data: BudgetAlert }
  const { resetsAt, ...rest } = data
  assert.deepEqual(
    [type, rest],
    ["budget.reached", { tenant: "told", kind: "soft", period: "month", amount: "runs", used: 1, limit: 1 }],
  )
  assert.match(new Date(resetsAt).toISOString(), /-01T00:00:00\.000Z$/)
})
