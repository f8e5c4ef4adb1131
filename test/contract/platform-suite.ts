import assert from "node:assert/strict"
import { randomUUID } from "node:crypto"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { after, test } from "node:test"
import type { Approval } from "@mayfly/platform"
import type { SharedPlatform } from "./shared-platform.ts"
import { codeOf, type Subject } from "./subject.ts"

/** Accounts, history, named workers, the ledger and approvals. */
export function platformSuite(subject: () => Subject & { readonly platform: SharedPlatform }): void {
  const tenant = (): string => `t-${randomUUID()}`

  test("named workers: versions, calls, events, requests", async () => {
    const workers = subject().platform.workers(tenant())
    const first = await workers.deploy("double", { script: "(input) => input * 2n", env: { day: new Date(1) } })
    const modules = {
      "main.js":
        "import bytes from './b.bin'; export default async (input) => { console.log('called'); return [input, new Uint8Array(bytes)] }",
      "b.bin": { data: new Uint8Array([0, 255]) },
    }
    const second = await workers.deploy("double", { modules, mainModule: "main.js" })
    assert.notEqual(first.version, second.version)
    assert.equal((await workers.get("double")).version, second.version)
    const run = await workers.execute("double", 21n, { props: { a: 1 } })
    assert.deepEqual(run.ok && run.result, [21n, new Uint8Array([0, 255])])
    assert.deepEqual(
      (await workers.versions("double")).map(({ version, isCurrent }) => [version, isCurrent]),
      [
        [second.version, true],
        [first.version, false],
      ],
    )
    assert.equal((await workers.rollback("double", first.version)).version, first.version)
    const seen: unknown[] = []
    for await (const event of workers.stream("double", 4n))
      seen.push(event.type === "result" ? event.result : event.type)
    assert.deepEqual(seen, [8n])
    await workers.deploy("web", {
      script: `export default { fetch: async (request) => {
        const { pathname, search } = new URL(request.url)
        return new Response([request.method, pathname + search, await request.text()].join(" "), { status: 418, headers: { "x-a": "b" } }) } }`,
    })
    const asked = new Request("https://any.example/a%2Fb?c=1", { method: "POST", body: "hello" })
    const answer = await workers.fetch("web", asked)
    assert.deepEqual(
      [answer.status, answer.headers.get("x-a"), await answer.text()],
      [418, "b", "POST /a%2Fb?c=1 hello"],
    )
    assert.deepEqual(
      (await workers.list()).map(({ name }) => name),
      ["double", "web"],
    )
    await workers.remove("double")
    assert.deepEqual(await codeOf(workers.execute("double")), { code: "worker.not-found" })
    assert.deepEqual(await codeOf(workers.get("double")), { code: "worker.not-found" })
    assert.deepEqual(await codeOf(workers.deploy("bad", { script: "const x =" })), { code: "worker.syntax" })
    assert.deepEqual(await codeOf(workers.deploy("bad", { script: "1", limits: { cpuMs: -1 } })), {
      code: "input.invalid",
      path: "limits.cpuMs",
    })
  })

  test("the history of runs and usage agree, and another tenant sees neither", async () => {
    const { platform } = subject()
    const mine = tenant()
    await platform
      .workers(mine)
      .deploy("one", { script: "(input) => { if (input) throw new RangeError('no'); return 2n ** 70n }" })
    const good = await platform.workers(mine).execute("one")
    const bad = await platform.workers(mine).execute("one", true)
    const { runs, cursor } = await platform.runs.list({ tenant: mine })
    assert.deepEqual(
      [runs.map(({ id, status, worker }) => [id, status, worker]), cursor],
      [
        [
          [bad.id, "failed", "one"],
          [good.id, "succeeded", "one"],
        ],
        null,
      ],
    )
    const page = await platform.runs.list({ tenant: mine, limit: 1 })
    assert.deepEqual(
      (await platform.runs.list({ tenant: mine, limit: 1, cursor: page.cursor ?? "" })).runs,
      runs.slice(1),
    )
    const kept = await platform.runs.get(good.id)
    assert.deepEqual([kept.result, kept.usage, kept.error], [2n ** 70n, good.usage, undefined])
    const failed = await platform.runs.get(bad.id)
    assert.deepEqual(
      [failed.error?.name, failed.error?.code, failed.result],
      ["MayflyError", "worker.guest", undefined],
    )
    const { rows, total } = await platform.usage.query({ tenant: mine, by: ["worker"] })
    assert.deepEqual(
      rows.map(({ worker, runs: count, failedRuns }) => [worker, count, failedRuns]),
      [["one", 2, 1]],
    )
    assert.equal(total.cpuMs, rows[0]?.cpuMs)
    assert.deepEqual((await platform.usage.query({ tenant: tenant() })).rows, [])
    assert.deepEqual(await codeOf(platform.runs.get(good.id, { tenant: tenant() })), { code: "run.not-found" })
    assert.deepEqual(await codeOf(platform.runs.cancel(good.id)), { code: "run.ended" })
    assert.equal(
      ((await codeOf(platform.usage.query({ from: "yesterday" }))) as { code: string }).code,
      "input.invalid",
    )
  })

  test("a tenant has a quota and a budget, and can be stopped", async () => {
    const { platform } = subject()
    const mine = tenant()
    const quota = { concurrentRuns: 2, limits: { cpuMs: 100 } }
    assert.deepEqual((await platform.tenants.set(mine, { quota })).quota, quota)
    const budget = { day: { soft: { runs: 5 } } }
    const set = await platform.tenants.set(mine, { budget })
    assert.deepEqual([set.id, set.quota, set.budget, set.suspended], [mine, quota, budget, null])
    assert.equal((await platform.tenants.suspend(mine, "too loud")).suspended?.reason, "too loud")
    const refused = codeOf(platform.workers(mine).deploy("a", { script: "1" }))
    assert.deepEqual(await refused, { code: "tenant.suspended" })
    assert.equal((await platform.tenants.resume(mine)).suspended, null)
    assert.deepEqual(
      await platform.tenants.get(mine),
      (await platform.tenants.list()).find(({ id }) => id === mine),
    )
    assert.equal(
      ((await codeOf(platform.tenants.set(mine, { quota: { burst: -1 } }))) as { code: string }).code,
      "input.invalid",
    )
  })

  test("a question waits for its answer; the ledger tells what left", async () => {
    const { platform, createWorker } = subject()
    const upstream = createServer((_, response) => response.end("fine"))
    after(() => upstream.close())
    await new Promise<void>((resolve) => upstream.listen(0, "127.0.0.1", resolve))
    const origin = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`
    await using worker = await createWorker({
      script: "async (input) => (await fetch(input)).text()",
      network: { defaultPolicy: "ask" },
    })
    const left = new AbortController()
    const rows = platform.ledger.follow({ origin, signal: left.signal })[Symbol.asyncIterator]()
    const next = rows.next()
    const ask = (): Promise<Approval | undefined> =>
      platform.approvals.list({ status: "pending" }).then((open) => open.find((one) => one.origin === origin))
    const asked = async (): Promise<Approval> => {
      for (;;) {
        const found = await ask()
        if (found !== undefined) return found
      }
    }
    const yes = worker.execute(`${origin}/a`)
    const question = await asked()
    assert.deepEqual([question.method, question.path, question.scope], ["GET", "/a", null])
    const decided = await platform.approvals.decide(question.id, { decision: "allow", by: "ann" })
    assert.deepEqual([decided.status, decided.scope, decided.decidedBy], ["allowed", "once", "ann"])
    assert.deepEqual(await platform.approvals.get(question.id), decided)
    const allowed = await yes
    assert.equal(allowed.ok && allowed.result, "fine")
    const no = worker.execute(`${origin}/b`)
    await platform.approvals.decide((await asked()).id, { decision: "deny" })
    const denied = await no
    assert.deepEqual([denied.ok, denied.egress.map(({ decision }) => decision)], [false, ["deny"]])
    assert.equal(await platform.approvals.get("apr_none"), null)
    const again = codeOf(platform.approvals.decide(question.id, { decision: "deny" }))
    assert.deepEqual(await again, { code: "mesh.approval-unknown" })

    const { value } = (await next) as { value: { row: { origin: string }; cursor: string } }
    assert.equal(value.row.origin, origin)
    assert.match(value.cursor, /./)
    left.abort()
    const ledger = await platform.ledger.query({ origin })
    assert.deepEqual(
      ledger.rows.map(({ runId, decision, status }) => [runId, decision, status]),
      [
        [denied.id, "deny", null],
        [allowed.id, "allow", 200],
      ],
    )
    assert.deepEqual([ledger.next, typeof ledger.latest], [null, "string"])
    assert.match((await platform.ledger.summary(allowed.id)).text, /127\.0\.0\.1/)
    assert.equal((await platform.ledger.verify()).ok, true)
  })
}
