import assert from "node:assert/strict"
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test } from "node:test"
import type { Approval, ApprovalQuestion } from "@mayfly/protocol"
import { openStore } from "@mayfly/store"
import { type ApprovalDesk, type ApprovalsOptions, openApprovals } from "./approvals.ts"

const question: ApprovalQuestion = {
  tenant: "acme",
  runId: "run_1",
  worker: "hash_1",
  method: "POST",
  origin: "https://api.example.com",
  path: "/v1/orders",
  excerpt: "await fetch(url)",
}
const never = new AbortController().signal

async function open(options: ApprovalsOptions = {}): Promise<AsyncDisposable & { approvals: ApprovalDesk }> {
  const store = await openStore()
  const approvals = await openApprovals(store, options)
  return { approvals, [Symbol.asyncDispose]: () => store.close() }
}

/** Answers each question as told, and gives the questions. */
function answering(approvals: ApprovalDesk, decision: Parameters<ApprovalDesk["decide"]>[1]): Approval[] {
  const asked: Approval[] = []
  approvals.onQuestion((approval) => {
    asked.push(approval)
    void approvals.decide(approval.id, decision)
  })
  return asked
}

test("ask is a no while nobody can be asked, and leaves no question behind", async () => {
  await using it = await open()
  assert.equal(await it.approvals.ask(question, never), "deny")
  assert.deepEqual(await it.approvals.list(), [])
})

test("ask waits for a person, who is told what is asked for", async () => {
  await using it = await open()
  const asked = answering(it.approvals, { decision: "allow", by: "ada" })
  assert.equal(await it.approvals.ask(question, never), "allow")
  const { id, createdAt, expiresAt, ...rest } = asked[0] as Approval
  assert.match(id, /^apr_/)
  assert.equal(expiresAt - createdAt, 86_400_000)
  assert.deepEqual(rest, { ...question, status: "pending", scope: null, decidedAt: null, decidedBy: null })
  const [known] = await it.approvals.list({ tenant: "acme", status: "allowed" })
  assert.deepEqual([known?.id, known?.scope, known?.decidedBy], [id, "once", "ada"])
})

const like: Record<string, Partial<ApprovalQuestion>> = {
  same: {},
  "another path": { path: "/v1/other" },
  "another run": { runId: "run_2", path: "/v1/other" },
  "another worker": { runId: "run_2", worker: "hash_2" },
  "another tenant": { tenant: "other" },
  "another origin": { origin: "https://evil.example.com" },
}

const covered: Record<string, readonly string[]> = {
  once: [],
  run: ["same", "another path"],
  worker: ["same", "another path", "another run"],
  tenant: ["same", "another path", "another run", "another worker"],
}

for (const [scope, names] of Object.entries(covered)) {
  for (const decision of ["allow", "deny"] as const) {
    test(`a decision "${decision}" of scope ${scope} counts for what it covers, and asks again for the rest`, async () => {
      await using it = await open()
      const asked = answering(it.approvals, { decision, scope: scope as "once" })
      assert.equal(await it.approvals.ask(question, never), decision)
      asked.length = 0
      const silent: string[] = []
      for (const [name, change] of Object.entries(like)) {
        assert.equal(await it.approvals.ask({ ...question, ...change }, never), decision)
        if (asked.length === 0) silent.push(name)
        asked.length = 0
        // What was answered now must not cover the next ones.
        if (!names.includes(name)) break
      }
      assert.deepEqual(silent, names)
    })
  }
}

test("a no wins over a yes, and decisions expire", async () => {
  await using it = await open({ attended: true, waitMs: 1 })
  const decide = async (asked: ApprovalQuestion, decision: Parameters<ApprovalDesk["decide"]>[1]): Promise<void> => {
    assert.equal(await it.approvals.ask(asked, never), "pending")
    const [approval] = await it.approvals.list({ status: "pending" })
    await it.approvals.decide(approval?.id ?? "", decision)
  }
  await decide({ ...question, runId: "run_9" }, { decision: "deny", scope: "run", expiresInMs: 1 })
  await decide(question, { decision: "allow", scope: "worker" })
  assert.equal(await it.approvals.ask(question, never), "allow")
  await decide({ ...question, worker: "hash_2" }, { decision: "deny", scope: "tenant" })
  assert.equal(await it.approvals.ask(question, never), "deny")
})

test("an answer that comes late, and after a restart, is there for the next request", async () => {
  const directory = mkdtempSync(join(tmpdir(), "mayfly-approvals-"))
  const ask = async (expected: string, act?: (approvals: ApprovalDesk) => Promise<unknown>): Promise<void> => {
    await using store = await openStore({ directory })
    const approvals = await openApprovals(store, { attended: true, waitMs: 1 })
    assert.equal(await approvals.ask(question, never), expected)
    await act?.(approvals)
  }
  await ask("pending")
  await ask("pending", async (approvals) => {
    const pending = await approvals.list({ status: "pending" })
    assert.equal(pending.length, 1)
    await approvals.decide(pending[0]?.id ?? "", { decision: "allow" })
  })
  await ask("allow")
  await ask("pending")
})

test("one approval for one request lets one of two through", async () => {
  await using it = await open({ attended: true, waitMs: 20_000 })
  const both = [it.approvals.ask(question, never), it.approvals.ask(question, never)]
  const decided = new Promise<void>((resolve) => {
    it.approvals.onQuestion(({ id }) => void it.approvals.decide(id, { decision: "allow" }).then(() => resolve()))
  })
  await decided
  assert.deepEqual((await Promise.all(both)).toSorted(), ["allow", "pending"])
})

test("decide refuses unknown, decided and foreign questions and wrong words", async () => {
  await using it = await open({ attended: true, waitMs: 1 })
  await it.approvals.ask(question, never)
  const [approval] = await it.approvals.list()
  const id = approval?.id ?? ""
  await assert.rejects(it.approvals.decide(id, { decision: "allow", tenant: "other" }), {
    code: "mesh.approval-unknown",
    message: `there is no approval "${id}"`,
  })
  await assert.rejects(it.approvals.decide(id, { decision: "yes" as "allow" }), { code: "input.invalid" })
  await assert.rejects(it.approvals.decide(id, { decision: "allow", scope: "all" as "run" }), { code: "input.invalid" })
  await it.approvals.decide(id, { decision: "deny" })
  await assert.rejects(it.approvals.decide(id, { decision: "allow" }), {
    code: "mesh.approval-unknown",
    message: `the approval "${id}" is denied already`,
  })
  await assert.rejects(it.approvals.decide("apr_x", { decision: "allow" }), { code: "mesh.approval-unknown" })
})

test("a run that ends stops waiting; a tenant's open questions are bounded", async () => {
  await using it = await open({ attended: true, waitMs: 60_000 })
  const controller = new AbortController()
  it.approvals.onQuestion(() => controller.abort(new Error("over")))
  await assert.rejects(it.approvals.ask(question, controller.signal), { message: "over" })
  const many = Array.from({ length: 1_000 }, (_, at) => {
    const stop = new AbortController()
    const asked = it.approvals.ask({ ...question, runId: `run_${at}`, worker: `hash_${at}x` }, stop.signal)
    return { stop, asked: asked.catch(() => "stopped") }
  })
  const denied = await Promise.race(many.map(({ asked }) => asked))
  assert.equal(denied, "deny")
  for (const { stop } of many) stop.abort()
  await Promise.all(many.map(({ asked }) => asked))
})

test("an approval of a long path counts for that path, not for one that begins alike", async () => {
  await using it = await open()
  const path = `/${"a".repeat(5_000)}/`
  const asked = answering(it.approvals, { decision: "allow", expiresInMs: 60_000 })
  assert.equal(await it.approvals.ask({ ...question, path: `${path}harmless` }, never), "allow")
  assert.equal(await it.approvals.ask({ ...question, path: `${path}delete-all` }, never), "allow")
  assert.equal(asked.length, 2)
  assert.notEqual(asked[0]?.path, asked[1]?.path)
})

test("of two decisions at once one counts, and the other is told so", async () => {
  await using it = await open({ attended: true })
  const { promise, resolve } = Promise.withResolvers<Approval>()
  it.approvals.onQuestion(resolve)
  const asking = it.approvals.ask(question, never)
  const { id } = await promise
  const decisions = await Promise.allSettled([
    it.approvals.decide(id, { decision: "deny" }),
    it.approvals.decide(id, { decision: "allow", scope: "tenant" }),
  ])
  assert.deepEqual(
    decisions.map(({ status }) => status),
    ["fulfilled", "rejected"],
  )
  assert.equal(await asking, "deny")
})

test("a listener that fails fails neither the question nor the decision", async () => {
  await using it = await open()
  const fail = (): never => {
    throw new Error("no listener of yours")
  }
  it.approvals.onQuestion(fail)
  it.approvals.onDecision(fail)
  const asked = answering(it.approvals, { decision: "allow" })
  assert.equal(await it.approvals.ask(question, never), "allow")
  assert.equal(asked.length, 1)
})

test("questions that count for nothing any more are forgotten when another is asked", async () => {
  await using it = await open({ attended: true, waitMs: 1, openMs: 1, keepMs: 1 })
  for (const path of ["/a", "/b", "/c"]) {
    assert.equal(await it.approvals.ask({ ...question, path }, never), "pending")
    // The next millisecond: what was asked before is over then.
    for (const now = Date.now(); Date.now() <= now + 1;);
  }
  assert.deepEqual(
    (await it.approvals.list()).map(({ path }) => path),
    ["/c"],
  )
})
