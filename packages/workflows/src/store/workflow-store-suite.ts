import assert from "node:assert/strict"
import { test } from "node:test"
import { instanceStatuses, MayflyError, type InstanceStatus } from "@mayfly/protocol"
import { control, type ControlOperation, isEnded } from "../core/control.ts"
import type { NewRow } from "../core/journal.ts"
import type { Change } from "../core/ports.ts"
import type { Claimed, NewInstance, WorkflowStore } from "./workflow-store.ts"

/** Opens an empty store; the same name again is the same store, where stores last. */
export type OpenNamed = (name: string) => Promise<WorkflowStore & AsyncDisposable>

const hour = 3_600_000
const now = 1_000_000

export function newInstance(id: string, more: Partial<NewInstance> = {}): NewInstance {
  return {
    tenant: "default",
    id,
    definition: { hash: "definition", body: "j{}" },
    params: "j1",
    content: "same",
    startAt: now,
    retention: { successMs: hour, errorMs: 2 * hour },
    ...more,
  }
}

function ok(key: string, value = "j1"): NewRow {
  return { key, phase: "ok", attempt: 1, at: now, value }
}

const parkUntil = (wakeAt: number | null, seenEvent = 0): Change => ({
  rows: [],
  then: { park: { wakeAt, reason: "sleep", seenEvent } },
})

async function claimed(store: WorkflowStore, id: string, more: Partial<NewInstance> = {}): Promise<Claimed> {
  const { number } = await store.create(newInstance(id, more), now)
  const claim = await store.claim(number, now)
  assert.ok(claim !== null)
  return claim
}

export function coded(code: string): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof MayflyError, String(error))
    assert.equal(error.code, code, error.message)
    return true
  }
}

/** What every store of workflows does. */
export function workflowStoreSuite(kind: string, open: OpenNamed, { isLasting }: { isLasting: boolean }): void {
  test(`${kind} create keeps an instance once, attaches the same content, refuses other content`, async () => {
    await using store = await open("create")
    const first = await store.create(newInstance("a"), now)
    assert.equal(first.isCreated, true)
    assert.deepEqual(await store.create(newInstance("a"), now), { number: first.number, isCreated: false })
    await assert.rejects(store.create(newInstance("a", { content: "other" }), now), coded("workflow.exists"))
    assert.equal((await store.create(newInstance("a", { tenant: "other" }), now)).isCreated, true)
    const row = await store.get("default", "a")
    assert.deepEqual(row, {
      number: first.number,
      tenant: "default",
      id: "a",
      status: "queued",
      reason: null,
      definitionHash: "definition",
      params: "j1",
      createdAt: now,
      updatedAt: now,
      endedAt: null,
      wakeAt: now,
      startAt: now,
      retention: { successMs: hour, errorMs: 2 * hour },
      run: 1,
      epoch: 0,
      result: null,
      rollback: null,
      schedule: null,
      trigger: null,
      parent: null,
    })
    assert.equal(await store.get("default", "b"), null)
    assert.equal(await store.getDefinition("definition"), "j{}")
  })

  test(`${kind} claim gives an instance to one, with all it needs`, async () => {
    await using store = await open("claim")
    const { instance, lastSeq } = await claimed(store, "a")
    assert.equal(await store.claim(instance.number, now), null)
    const ack = await store.commit(instance.number, instance.epoch, { rows: [ok("do:a#1"), ok("do:b#1")] }, now)
    assert.deepEqual(ack, {
      firstSeq: 1,
      previousSeq: lastSeq,
      isPausing: false,
      told: null,
      started: [],
      wakeAt: null,
    })
    await store.sendEvent({ tenant: "default", id: "a", eventId: "1", type: "go", payload: "j5", now })
    await store.commit(instance.number, instance.epoch, parkUntil(now + 5, 1), now)
    assert.equal(await store.claim(instance.number, now + 4), null)
    const again = await store.claim(instance.number, now + 5)
    assert.deepEqual(
      again?.journal.map(({ seq, key, value }) => [seq, key, value]),
      [
        [1, "do:a#1", "j1"],
        [2, "do:b#1", "j1"],
      ],
    )
    assert.deepEqual(again.events, [{ seq: 1, type: "go", payload: "j5", receivedAt: now }])
    assert.deepEqual([again.lastSeq, again.instance.epoch], [2, 2])
  })

  test(`${kind} commit refuses those who have lost the instance`, async () => {
    await using store = await open("fence")
    const { instance } = await claimed(store, "a")
    await store.recover(now)
    const second = await store.claim(instance.number, now)
    const late = store.commit(instance.number, instance.epoch, { rows: [ok("do:a#1")] }, now)
    await assert.rejects(late, coded("workflow.fenced"))
    assert.ok(second !== null)
    await store.commit(instance.number, second.instance.epoch, { rows: [ok("do:a#1")] }, now)
    assert.equal((await store.history(instance.number, 0, 100)).length, 1)
  })

  test(`${kind} release gives an instance back, unless somebody else has it`, async () => {
    await using store = await open("release")
    const { instance } = await claimed(store, "a")
    await store.release(instance.number, instance.epoch, now)
    const second = await store.claim(instance.number, now)
    // A claim that was given back is none that its process died of.
    assert.equal(second?.idle, 1)
    await store.release(instance.number, instance.epoch, now)
    await store.commit(instance.number, second?.instance.epoch ?? 0, { rows: [ok("do:a#1")] }, now)
    await store.control({ tenant: "default", id: "a", operation: "pause", now })
    await store.release(instance.number, second?.instance.epoch ?? 0, now)
    assert.equal((await store.get("default", "a"))?.status, "paused")
  })

  test(`${kind} commit refuses a second completion of a step`, async () => {
    await using store = await open("once")
    const { instance } = await claimed(store, "a")
    await store.commit(instance.number, instance.epoch, { rows: [ok("do:a#1")] }, now)
    await assert.rejects(store.commit(instance.number, instance.epoch, { rows: [ok("do:a#1")] }, now))
    await store.commit(instance.number, instance.epoch, { rows: [ok("do:a#2")] }, now)
    const rows = await store.history(instance.number, 0, 100)
    assert.deepEqual(
      rows.map(({ key }) => key),
      ["do:a#1", "do:a#2"],
    )
  })

  test(`${kind} commits of many instances at once stay apart and in order`, async () => {
    await using store = await open("many")
    const all = await Promise.all(Array.from({ length: 50 }, (_, n) => claimed(store, `i${n}`)))
    await Promise.all(
      all.flatMap(({ instance }) =>
        Array.from({ length: 20 }, (_, n) =>
          store.commit(instance.number, instance.epoch, { rows: [ok(`do:s${n}#1`)] }, now),
        ),
      ),
    )
    for (const { instance } of all) {
      const rows = await store.history(instance.number, 0, 100)
      assert.deepEqual(
        rows.map(({ seq, key }) => `${seq} ${key}`),
        Array.from({ length: 20 }, (_, n) => `${n + 1} do:s${n}#1`),
      )
    }
  })

  test(`${kind} an event wakes who waits, is taken once, and a second one with its id is a duplicate`, async () => {
    await using store = await open("events")
    const { instance } = await claimed(store, "a")
    await store.commit(instance.number, instance.epoch, parkUntil(null), now)
    const event = { tenant: "default", id: "a", eventId: "e", type: "go", payload: "j1", now }
    const pending = { seq: 1, type: "go", payload: "j1", receivedAt: now }
    assert.deepEqual(await store.sendEvent(event), { number: instance.number, isDuplicate: false, event: pending })
    assert.deepEqual(await store.sendEvent(event), { number: instance.number, isDuplicate: true, event: null })
    const claim = await store.claim(instance.number, now)
    assert.deepEqual(claim?.events, [pending])
    const epoch = claim.instance.epoch
    const take: Change = { rows: [ok("event:w#1")], consume: [{ eventSeq: 1, key: "event:w#1" }] }
    await store.commit(instance.number, epoch, take, now)
    const twice: Change = { rows: [ok("event:w#2")], consume: [{ eventSeq: 1, key: "event:w#2" }] }
    await assert.rejects(store.commit(instance.number, epoch, twice, now), coded("workflow.fenced"))
    await assert.rejects(store.sendEvent({ ...event, id: "nobody" }), coded("workflow.not-found"))
    await assert.rejects(store.sendEvent({ ...event, tenant: "other" }), coded("workflow.not-found"))
    await store.commit(instance.number, epoch, { rows: [], then: { finish: { status: "complete", value: "j1" } } }, now)
    await assert.rejects(store.sendEvent({ ...event, eventId: "late" }), coded("workflow.ended"))
  })

  test(`${kind} an event that comes while the instance parks makes it due at once`, async () => {
    await using store = await open("race")
    const { instance } = await claimed(store, "a")
    await store.sendEvent({ tenant: "default", id: "a", eventId: "e", type: "go", payload: "j1", now })
    await store.commit(instance.number, instance.epoch, parkUntil(now + hour, 0), now)
    assert.equal((await store.get("default", "a"))?.wakeAt, now)
  })

  test(`${kind} lists instances that need functions until they end, and what can bring those back`, async () => {
    await using store = await open("functions")
    const numbers: number[] = []
    for (const [id, tenant, functions] of [
      ["plain", "default", undefined],
      ["first", "default", {}],
      ["second", "other", { origin: "request" }],
    ] as const) {
      const given = { ...newInstance(id), tenant, ...(functions && { functions }) }
      numbers.push((await store.create(given, now)).number)
    }
    const [, first = 0, second = 0] = numbers
    const listed = async (query: { tenant?: string; after?: number } = {}, limit = 10): Promise<unknown> =>
      (await store.listHosted({ ...query, limit })).map(({ row, origin }) => [row.tenant, row.id, origin])
    const [one, two] = [
      ["default", "first", null],
      ["other", "second", "request"],
    ]
    assert.deepEqual(await listed(), [two, one])
    assert.deepEqual(await listed({}, 1), [two])
    assert.deepEqual(await listed({ after: second }), [one])
    assert.deepEqual(await listed({ tenant: "default" }), [one])
    await store.control({ tenant: "other", id: "second", operation: "terminate", now, failure: "f" })
    assert.deepEqual(await listed(), [one])
    // What it was made by is gone with its end.
    await store.control({ tenant: "other", id: "second", operation: "restart", now })
    assert.deepEqual(await listed(), [["other", "second", null], one])
    const definition = { hash: "other code", body: "b" }
    assert.equal(await store.redefine({ number: first, definition, content: "c", lastSeq: 0, now }), true)
    assert.deepEqual(await listed({ tenant: "default" }), [])
    await store.delete("other", "second")
    assert.deepEqual(await listed(), [])
  })

  test(`${kind} hooks are there while somebody waits`, async () => {
    await using store = await open("hooks")
    const { instance } = await claimed(store, "a")
    const wait = { key: "event:w#1", phase: "start", attempt: 0, at: now, dueAt: now + 9, shifts: true } as const
    const about = { prompt: "Pay?", signature: { scheme: "github", secret: "KEY" } } as const
    const value = JSON.stringify({ type: "go", token: "secret", about })
    const hook = { tenant: "default", id: "a", step: "event:w#1", type: "go", about }
    await store.commit(instance.number, instance.epoch, { rows: [{ ...wait, value }] }, now)
    assert.deepEqual(await store.findHook("secret"), { ...hook, isUsed: false })
    assert.deepEqual(await store.hooks(instance.number), [{ key: "event:w#1", type: "go", token: "secret", about }])
    assert.equal(await store.findHook("other"), null)
    await store.commit(instance.number, instance.epoch, { rows: [ok("event:w#1")] }, now)
    assert.deepEqual(await store.findHook("secret"), { ...hook, isUsed: true })
    assert.deepEqual(await store.hooks(instance.number), [])
  })

  test(`${kind} control follows the table in every state`, async () => {
    const operations = ["pause", "resume", "terminate", "restart"] as const
    await using store = await open("control")
    for (const status of instanceStatuses) {
      for (const operation of operations) {
        const id = `${status}-${operation}`
        await bring(store, id, status)
        assert.equal((await store.get("default", id))?.status, status, id)
        await check(store, id, status, operation)
      }
    }
  })

  test(`${kind} a pause lets the activation write what it has, then the instance is paused`, async () => {
    await using store = await open("pause")
    const { instance } = await claimed(store, "a")
    const request = { tenant: "default", id: "a", now } as const
    assert.equal((await store.control({ ...request, operation: "pause" })).to, "waitingForPause")
    const ack = await store.commit(instance.number, instance.epoch, { rows: [ok("do:a#1")] }, now)
    assert.equal(ack.isPausing, true)
    const paused: Change = { rows: [], then: { park: { wakeAt: null, reason: "paused", seenEvent: 0 } } }
    await store.commit(instance.number, instance.epoch, paused, now)
    assert.equal((await store.get("default", "a"))?.status, "paused")
    assert.equal((await store.control({ ...request, operation: "resume", now: now + 500 })).to, "queued")
    const claim = await store.claim(instance.number, now + 500)
    assert.deepEqual([claim?.pausedMs, claim?.journal.length], [500, 1])
    // A pause that is taken back while the activation leaves for it.
    await store.control({ ...request, operation: "pause" })
    assert.equal((await store.control({ ...request, operation: "resume" })).to, "running")
    await store.commit(instance.number, claim?.instance.epoch ?? 0, paused, now)
    assert.deepEqual((await store.get("default", "a"))?.wakeAt, now)
  })

  test(`${kind} restart keeps the rows before a step, and the history of earlier runs`, async () => {
    await using store = await open("restart")
    const { instance } = await claimed(store, "a")
    const rows = ["do:a#1", "do:b#1", "do:c#1"].map((key) => ok(key))
    await store.commit(instance.number, instance.epoch, { rows }, now)
    const request = { tenant: "default", id: "a", operation: "restart", now } as const
    await assert.rejects(store.control({ ...request, from: "do:z#1" }), coded("workflow.no-such-step"))
    const { fenced } = await store.control({ ...request, from: "do:c#1" })
    assert.deepEqual(fenced, [instance.number])
    await assert.rejects(store.commit(instance.number, instance.epoch, { rows: [] }, now), coded("workflow.fenced"))
    const claim = await store.claim(instance.number, now)
    assert.deepEqual(
      claim?.journal.map(({ key }) => key),
      ["do:a#1", "do:b#1"],
    )
    const ack = await store.commit(instance.number, claim.instance.epoch, { rows: [ok("do:c#1", "j2")] }, now)
    assert.equal(ack.previousSeq, claim.lastSeq)
    const history = await store.history(instance.number, 0, 100)
    assert.deepEqual(
      history.map(({ run, key, phase }) => `${run} ${key} ${phase}`),
      ["1 do:a#1 ok", "1 do:b#1 ok", "1 do:c#1 ok", "1  restarted", "2 do:a#1 ok", "2 do:b#1 ok", "2 do:c#1 ok"],
    )
    await store.control(request)
    assert.deepEqual((await store.claim(instance.number, now))?.journal, [])
  })

  test(`${kind} fork copies what was there before a step`, async () => {
    await using store = await open("fork")
    const { instance } = await claimed(store, "a")
    const large = `j"${"x".repeat(100_000)}"`
    await store.commit(instance.number, instance.epoch, { rows: [ok("do:a#1", large), ok("do:b#1")] }, now)
    const request = { tenant: "default", id: "a", instance: newInstance("b", { params: "j2" }), from: "do:b#1", now }
    const { number } = await store.fork(request)
    assert.equal(await store.delete("default", "a"), 1)
    const claim = await store.claim(number, now)
    assert.deepEqual(
      [claim?.instance.params, claim?.journal.map(({ key, value }) => [key, value])],
      ["j2", [["do:a#1", large]]],
    )
  })

  test(`${kind} a child is started with its step, once, and its end reaches the parent`, async () => {
    await using store = await open("children")
    const { instance } = await claimed(store, "a")
    const spawn = [{ key: "child:c#1", start: newInstance("kid"), conflict: "jnull", tooDeep: "jnull" }]
    const ack = await store.commit(instance.number, instance.epoch, { rows: [], spawn }, now)
    const [kid] = ack.started
    assert.equal(kid?.id, "kid")
    await store.commit(instance.number, instance.epoch, parkUntil(null), now)
    const claim = await store.claim(kid.number, now)
    const finish: Change = { rows: [], then: { finish: { status: "complete", value: "j7" } } }
    const { told } = await store.commit(kid.number, claim?.instance.epoch ?? 0, finish, now)
    assert.deepEqual(told, {
      number: instance.number,
      event: { seq: 1, type: "\u0000child:c#1", payload: "+j7", receivedAt: now },
    })
    assert.equal((await store.claim(instance.number, now))?.events.length, 1)
  })

  test(`${kind} terminate ends the children too`, async () => {
    await using store = await open("family")
    const { instance } = await claimed(store, "a")
    const spawn = [{ key: "child:c#1", start: newInstance("kid"), conflict: "jnull", tooDeep: "jnull" }]
    await store.commit(instance.number, instance.epoch, { rows: [], spawn }, now)
    await store.control({ tenant: "default", id: "a", operation: "terminate", now, failure: "jnull" })
    assert.equal((await store.get("default", "kid"))?.status, "terminated")
  })

  test(`${kind} due is fair between tenants and knows when the next one is due`, async () => {
    await using store = await open("due")
    for (let n = 0; n < 30; n++) await store.create(newInstance(`a${n}`, { tenant: "a" }), now)
    await store.create(newInstance("b", { tenant: "b" }), now)
    await store.create(newInstance("later", { tenant: "c", startAt: now + 50 }), now)
    const { due, nextAt } = await store.due(now, 5, "")
    assert.deepEqual(
      due.map(({ tenant, id }) => `${tenant} ${id}`),
      ["a a0", "a a1", "a a2", "a a3", "a a4", "b b"],
    )
    assert.equal(nextAt, now + 50)
    assert.deepEqual(await store.due(now - 1, 5, ""), { due: [], nextAt: now, last: "" })
  })

  test(`${kind} instances wait for their code and for places under a key`, async () => {
    await using store = await open("places")
    const concurrency = { key: "k", limit: 1 }
    const numbers = await Promise.all(
      ["a", "b", "c"].map(async (id) => (await store.create(newInstance(id, { concurrency }), now)).number),
    )
    for (const number of numbers) await store.park(number, "concurrency", now)
    assert.deepEqual((await store.due(now, 10, "")).due, [])
    assert.equal(await store.placeFree("default", "k", 2, now), 2)
    assert.deepEqual(
      (await store.due(now, 10, "")).due.map(({ id }) => id),
      ["a", "b"],
    )
    await store.park(numbers[0] ?? 0, "needs-code", now)
    assert.equal((await store.get("default", "a"))?.reason, "needs-code")
    assert.equal((await store.codeCame(numbers[0] ?? 0, now))?.id, "a")
    assert.equal(await store.codeCame(numbers[0] ?? 0, now), null)
    assert.equal((await store.due(now, 10, "")).due.length, 2)
    await store.recover(now)
    assert.equal((await store.due(now, 10, "")).due.length, 3)
    const hosted = await store.create(newInstance("hosted", { functions: {} }), now)
    for (const number of [hosted.number, numbers[0] ?? 0]) await store.park(number, "needs-code", now)
    assert.equal(await store.allCodeCame(now), 1, "the instance that is known to need code")
    assert.equal((await store.get("default", "hosted"))?.status, "queued")
  })

  test(`${kind} list pages through a tenant's instances, newest first`, async () => {
    await using store = await open("list")
    for (const id of ["a", "b", "c", "d"]) await store.create(newInstance(id), now)
    await store.create(newInstance("x", { tenant: "other" }), now)
    const first = await store.list({ tenant: "default", limit: 3 })
    assert.deepEqual(
      first.map(({ id }) => id),
      ["d", "c", "b"],
    )
    const rest = await store.list({ tenant: "default", limit: 3, after: first[2]?.number ?? 0 })
    assert.deepEqual(
      rest.map(({ id }) => id),
      ["a"],
    )
    assert.deepEqual(await store.list({ tenant: "default", status: "paused", limit: 3 }), [])
  })

  test(`${kind} purge deletes what has ended long enough ago, with all it left`, async () => {
    await using store = await open("purge")
    const done = await claimed(store, "done")
    const failed = await claimed(store, "failed")
    const ends: [Claimed, Change][] = [
      [done, { rows: [ok("do:a#1")], then: { finish: { status: "complete", value: "j1" } } }],
      [failed, { rows: [], then: { finish: { status: "errored", failure: "j1" } } }],
    ]
    for (const [{ instance }, change] of ends) await store.commit(instance.number, instance.epoch, change, now)
    assert.equal(await store.purge(now + hour - 1, 100), 0)
    assert.equal(await store.purge(now + hour, 100), 1)
    assert.deepEqual([await store.get("default", "done"), await store.history(done.instance.number, 0, 9)], [null, []])
    assert.equal((await store.get("default", "failed"))?.status, "errored")
    assert.equal(await store.purge(now + 2 * hour, 100), 1)
    assert.equal(await store.getDefinition("definition"), null)
  })

  test(`${kind} large values come back as they were`, async () => {
    await using store = await open("large")
    const large = `j"${"x".repeat(3_000_000)}"`
    const { instance } = await claimed(store, "a", { params: large })
    assert.equal(instance.params, large)
    await store.commit(instance.number, instance.epoch, { rows: [{ ...ok("do:a#1", large), detail: large }] }, now)
    const event = { tenant: "default", id: "a", eventId: "e", type: "go", payload: large, now }
    assert.equal((await store.sendEvent(event)).event?.payload, large)
    const finish: Change = { rows: [], then: { finish: { status: "complete", value: large } } }
    await store.recover(now)
    const claim = await store.claim(instance.number, now)
    assert.deepEqual([claim?.journal[0]?.value, claim?.events[0]?.payload], [large, large])
    await store.commit(instance.number, claim?.instance.epoch ?? 0, finish, now)
    assert.equal((await store.get("default", "a"))?.result, large)
    assert.equal((await store.history(instance.number, 0, 1))[0]?.detail, large)
  })

  if (!isLasting) return
  test(`${kind} goes on after it was closed`, async () => {
    {
      await using store = await open("lasting")
      const { instance } = await claimed(store, "a")
      await store.commit(instance.number, instance.epoch, { rows: [ok("do:a#1")] }, now)
      const paused = await claimed(store, "b")
      await store.control({ tenant: "default", id: "b", operation: "pause", now })
      assert.equal(paused.instance.id, "b")
    }
    await using store = await open("lasting")
    assert.equal(await store.recover(now + 5), 1)
    const { due } = await store.due(now + 5, 10, "")
    assert.deepEqual(
      due.map(({ id, idle }) => [id, idle]),
      [["a", 0]],
    )
    assert.equal((await store.get("default", "b"))?.status, "paused")
    const claim = await store.claim(due[0]?.number ?? 0, now + 5)
    assert.equal(claim?.journal.length, 1)
  })
}

async function bring(store: WorkflowStore, id: string, status: InstanceStatus): Promise<void> {
  const { number } = await store.create(newInstance(id), now)
  const request = { tenant: "default", id, now } as const
  if (status === "queued") return
  if (status === "paused") return void (await store.control({ ...request, operation: "pause" }))
  if (status === "terminated") return void (await store.control({ ...request, operation: "terminate", failure: "j1" }))
  const epoch = (await store.claim(number, now))?.instance.epoch ?? 0
  if (status === "waitingForPause") await store.control({ ...request, operation: "pause" })
  if (status === "waiting") await store.commit(number, epoch, parkUntil(now + hour), now)
  const then =
    status === "complete"
      ? { finish: { status, value: "j1" } as const }
      : status === "errored"
        ? { finish: { status, failure: "j1" } as const }
        : undefined
  if (then !== undefined) await store.commit(number, epoch, { rows: [], then }, now)
}

async function check(
  store: WorkflowStore,
  id: string,
  status: InstanceStatus,
  operation: Exclude<ControlOperation, "send">,
): Promise<void> {
  const decided = control(status, operation)
  const doing = store.control({ tenant: "default", id, operation, now, failure: "j1" })
  if (decided === "ended") {
    await assert.rejects(doing, coded("workflow.ended"), id)
    return
  }
  const { to, fenced } = await doing
  const wanted = decided === "nothing" ? status : decided.to
  assert.deepEqual([to, (await store.get("default", id))?.status], [wanted, wanted], id)
  assert.equal(fenced.length > 0, operation === "terminate" || operation === "restart", id)
  const { wakeAt } = (await store.get("default", id)) ?? {}
  if (isEnded(wanted) || wanted === "paused") assert.equal(wakeAt, null, id)
  if (operation === "restart" || (operation === "resume" && status === "paused")) assert.equal(wakeAt, now, id)
}
