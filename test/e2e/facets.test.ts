import assert from "node:assert/strict"
import { readdirSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, test } from "node:test"
import { createPlatform, DurableObject, DurableObjectNamespace, type Tail, WorkerLoader } from "@mayfly/platform"
import { eventually } from "../attacks/processes.ts"
import { type AnyFacet, classText, openScene, sqlBody } from "./facet-fixture.ts"

const scene = await openScene()
after(() => scene[Symbol.asyncDispose]())
const { platform } = scene

const counter = `
  fetch(request) {
    let counter = this.ctx.storage.kv.get("counter") || 0
    ++counter
    this.ctx.storage.kv.put("counter", counter)
    return new Response("You have made " + counter + " requests.")
  }
  count() { return this.ctx.storage.kv.get("counter") ?? 0 }
`
const textOf = async (facet: AnyFacet): Promise<string> => (await facet.fetch("https://x.example/")).text()

test("the documented counter counts, over fetch and RPC", async () => {
  const facet = scene.facet("counter", counter)
  const texts = [await textOf(facet), await textOf(facet)]
  assert.deepEqual([texts, await facet["count"]?.()], [["You have made 1 requests.", "You have made 2 requests."], 2])
})

test("facets, parents and tenants never see each other's data", async () => {
  const one = scene.facet("one", counter)
  const others = [
    scene.facet("two", counter),
    scene.facet("one", counter, { facets: platform.facets("another parent") }),
    scene.facet("one", counter, { tenant: "other" }),
  ]
  await textOf(one)
  await textOf(one)
  assert.deepEqual(
    [await textOf(one), ...(await Promise.all(others.map(textOf)))],
    [3, 1, 1, 1].map((count) => `You have made ${count} requests.`),
  )
})

test("no name becomes a path", async () => {
  const facet = scene.facet("../../../escape", counter, { facets: platform.facets("/etc/passwd\0") })
  assert.equal(await textOf(facet), "You have made 1 requests.")
  const names = readdirSync(join(scene.dataDir, "objects"), { recursive: true, encoding: "utf8" })
  assert.deepEqual(
    names.filter((name) => !/^[0-9a-f]{40}(?:\/[0-9a-f]{40}\.(?:sqlite(?:-wal)?|alarm))?$/.test(name)),
    [],
  )
})

test("startup: the callback runs when the facet is not running, with id, props, env and limits", async () => {
  const body = `
    constructor(ctx, env) { super(ctx, env); this.born = Math.random() }
    who() { return [String(this.ctx.id), this.ctx.id.name, this.ctx.props, this.env.word, this.born] }
    spin() { for (;;); }`
  const facet = scene.facet("startup", body, {
    props: { a: 1 },
    id: "mine",
    env: { word: "w" },
    limits: { cpuMs: 100 },
  })
  const who = (): Promise<unknown> | undefined => facet["who"]?.()
  const first = await who()
  assert.deepEqual((first as unknown[]).slice(0, 4), ["mine", undefined, { a: 1 }, "w"])
  assert.deepEqual(await who(), first)
  await assert.rejects(async () => facet["spin"]?.(), { code: "worker.cpu-limit" })
  assert.notDeepEqual(await who(), first)
})

test("each call may use cpuMs anew", async () => {
  const body = "work() { const until = Date.now() + 120; while (Date.now() < until); return 1 }"
  const facet = scene.facet("fresh limits", body, { limits: { cpuMs: 400 } })
  const results = []
  for (let turn = 0; turn < 6; turn++) results.push(await facet["work"]?.())
  assert.deepEqual(results, [1, 1, 1, 1, 1, 1])
})

test("what is wrong with a facet reaches the caller, coded", async () => {
  const cases: [AnyFacet, object][] = [
    [
      scene.facet("throws", "constructor() { super(); throw new Error('not today') }"),
      { code: "worker.guest", message: "Error: not today" },
    ],
    [scene.facet("nothing", ""), { code: "worker.no-entrypoint", message: 'the Durable Object has no method "x"' }],
    [scene.facet("field", "x = () => 1"), { code: "worker.no-entrypoint" }],
    [scene.facet("boom", "x() { throw new TypeError('boom') }"), { code: "worker.guest", message: "TypeError: boom" }],
    [scene.facet("function", "x() { return { deep: Symbol('s') } }"), { code: "worker.not-serializable" }],
    [
      scene.facet("long", "x() { return 'x'.repeat(100_000) }", { limits: { outputBytes: 1_000 } }),
      { code: "worker.output-limit" },
    ],
  ]
  for (const [facet, error] of cases) await assert.rejects(async () => facet["x"]?.(), error)
  const facets = platform.facets("wrong")
  const stub = facets.get("none", () => ({ class: {} as never })) as unknown as AnyFacet
  await assert.rejects(async () => stub["x"]?.(), { code: "input.invalid" })
  const missing = new WorkerLoader({ platform }).load({ mainModule: "m.js", modules: { "m.js": "export const a = 1" } })
  const absent = facets.get("absent", () => ({ class: missing.getDurableObjectClass("Nope") })) as unknown as AnyFacet
  await assert.rejects(async () => absent["x"]?.(), {
    code: "worker.no-entrypoint",
    message: 'the worker exports no Durable Object class "Nope"',
  })
  const other = new WorkerLoader({ platform, tenant: "t" }).load({
    mainModule: "m.js",
    modules: { "m.js": "export class A {}" },
  })
  const foreign = facets.get("foreign", () => ({ class: other.getDurableObjectClass("A") })) as unknown as AnyFacet
  await assert.rejects(async () => foreign["x"]?.(), { code: "input.invalid", message: /tenant "t"/ })
  assert.throws(() => facets.get("", () => ({}) as never), { code: "input.invalid" })
})

test("abort keeps the storage, stubs from before throw the reason, another class may follow", async () => {
  const facets = platform.facets("aborts")
  const before = scene.facet("app", counter, { facets })
  await textOf(before)
  const hanging = scene.facet("hangs", "x() { return new Promise(() => {}) }", { facets })
  const called = hanging["x"]?.()
  called?.catch(() => {})
  const reason = new Error("new version")
  facets.abort("app", reason)
  facets.abort("hangs", reason)
  await assert.rejects(
    async () => before["count"]?.(),
    (error) => error === reason,
  )
  await assert.rejects(
    async () => called,
    (error) => error === reason,
  )
  const next = scene.facet("app", "count() { return 'v2 ' + this.ctx.storage.kv.get('counter') }", { facets })
  assert.equal(await next["count"]?.(), "v2 1")
})

test("delete erases, also while the facet runs", async () => {
  const facets = platform.facets("deletes")
  const before = scene.facet("app", counter, { facets })
  assert.equal(await textOf(before), "You have made 1 requests.")
  void facets.delete("app")
  await assert.rejects(async () => before["count"]?.(), { code: "object.aborted" })
  assert.equal(await textOf(scene.facet("app", counter, { facets })), "You have made 1 requests.")
  await facets.delete("app")
  await facets.delete("never was")
})

test("sql: cursors, bindings, several statements, numbers and bytes", async () => {
  const facet = scene.facet(
    "sql",
    `all() {
      const { sql } = this.ctx.storage
      sql.exec("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT, c BLOB, d REAL); CREATE INDEX i ON t (b)")
      const inserted = sql.exec("INSERT INTO t (b, c, d) VALUES (?, ?, ?), ('y', NULL, 2)", "x", new Uint8Array([1, 2]), 1.5)
      const cursor = sql.exec("SELECT * FROM t WHERE a > ? ORDER BY a", 0)
      const first = cursor.next().value
      const [c] = [first.c]
      const rest = [...cursor.raw()]
      let twice
      try { sql.exec("SELECT * FROM t").one() } catch (error) { twice = error.message }
      let none
      try { sql.exec("SELECT * FROM t WHERE a = 99").one() } catch (error) { none = error.message }
      let syntax
      try { sql.exec("SELEC") } catch (error) { syntax = error.message }
      return {
        written: inserted.rowsWritten, names: cursor.columnNames, first: { ...first, c: c instanceof ArrayBuffer && [...new Uint8Array(c)] }, rest,
        twice, none, syntax, one: sql.exec("SELECT count(*) AS n FROM t").one(), returning: sql.exec("DELETE FROM t RETURNING a").toArray(),
        truth: sql.exec("SELECT ? AS t, ? AS n", true, null).one(), size: sql.databaseSize > 0,
      }
    }
    many() {
      const { sql } = this.ctx.storage
      sql.exec("CREATE TABLE big AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 3500) SELECT x FROM n")
      const cursor = sql.exec("SELECT x FROM big ORDER BY x")
      let sum = 0
      for (const { x } of cursor) sum += x
      return [sum, cursor.rowsRead, sql.exec("SELECT x FROM big").toArray().length]
    }`,
  )
  assert.deepEqual(await facet["all"]?.(), {
    written: 2,
    names: ["a", "b", "c", "d"],
    first: { a: 1, b: "x", c: [1, 2], d: 1.5 },
    rest: [[2, "y", null, 2]],
    twice: "Expected exactly one result from SQL query, but got multiple results.",
    none: "Expected exactly one result from SQL query, but got no results.",
    syntax: 'near "SELEC": syntax error: SQLITE_ERROR',
    one: { n: 2 },
    returning: [{ a: 1 }, { a: 2 }],
    truth: { t: 1, n: null },
    size: true,
  })
  assert.deepEqual(await facet["many"]?.(), [(3500 * 3501) / 2, 3500, 3500])
})

test("kv: values of every kind, lists, the asynchronous form", async () => {
  const facet = scene.facet(
    "kv",
    `async all() {
      const { storage } = this.ctx
      const { kv } = storage
      for (const key of ["b", "a1", "a2", "ä"]) kv.put(key, { key, at: new Date(0), set: new Set([1]) })
      await storage.put({ x: 1, y: [2] })
      const found = await storage.get(["x", "nope", "y"])
      let refused
      try { kv.put("f", () => 1) } catch (error) { refused = error.name }
      let long
      try { await storage.put("k".repeat(3000), 1) } catch (error) { long = error.name }
      return {
        one: kv.get("b"), none: kv.get("nope"), found: [...found], refused, long,
        prefix: [...kv.list({ prefix: "a" })].map(([key]) => key),
        reverse: [...(await storage.list({ reverse: true, limit: 3 })).keys()],
        range: [...kv.list({ startAfter: "a1", end: "x" })].map(([key]) => key),
        deleted: [kv.delete("b"), kv.delete("b"), await storage.delete(["x", "y", "z"])],
        left: [...(await storage.list()).keys()],
      }
    }
    async clear() { await this.ctx.storage.deleteAll(); return [...this.ctx.storage.kv.list()] }`,
  )
  assert.deepEqual(await facet["all"]?.(), {
    one: { key: "b", at: new Date(0), set: new Set([1]) },
    none: undefined,
    found: [
      ["x", 1],
      ["y", [2]],
    ],
    refused: "DataCloneError",
    long: "RangeError",
    prefix: ["a1", "a2"],
    reverse: ["ä", "y", "x"],
    range: ["a2", "b"],
    deleted: [true, false, 2],
    left: ["a1", "a2", "ä"],
  })
  assert.deepEqual(await facet["clear"]?.(), [])
})

test("transactions are whole or not at all; other calls wait for them", async () => {
  const facet = scene.facet(
    "transactions",
    `sync() {
      const { kv } = this.ctx.storage
      kv.put("a", 1)
      try { this.ctx.storage.transactionSync(() => { kv.put("a", 2); throw new Error("no") }) } catch {}
      const after = kv.get("a")
      return [after, this.ctx.storage.transactionSync(() => { kv.put("a", 3); return kv.get("a") })]
    }
    async slow() {
      const pause = () => new Promise((done) => setTimeout(done, 5))
      const failed = await this.ctx.storage.transaction(async (txn) => {
        await txn.put("b", 1)
        await pause()
        throw new Error("no")
      }).catch((error) => error.message)
      await this.ctx.storage.transaction(async (txn) => { await txn.put("c", 1); await pause(); txn.rollback() })
      const both = await Promise.all([1, 2].map((n) => this.ctx.storage.transaction(async (txn) => {
        const seen = (await txn.get("d")) ?? 0
        await pause()
        await txn.put("d", seen + n)
        return seen
      })))
      await this.ctx.storage.sync()
      return [failed, this.ctx.storage.kv.get("b"), this.ctx.storage.kv.get("c"), both, this.ctx.storage.kv.get("d")]
    }`,
  )
  assert.deepEqual(await facet["sync"]?.(), [1, 3])
  assert.deepEqual(await facet["slow"]?.(), ["no", undefined, undefined, [0, 1], 3])
})

test("calls come as they come, and wait while the object starts", async () => {
  const facet = scene.facet(
    "gate",
    `constructor(ctx, env) {
      super(ctx, env)
      ctx.blockConcurrencyWhile(async () => { await new Promise((done) => setTimeout(done, 30)); this.ready = true })
    }
    isReady() { return this.ready === true }
    wait() { return new Promise((done) => { this.done = done }) }
    wake(value) { this.done(value) }`,
  )
  assert.equal(await facet["isReady"]?.(), true)
  const waiting = facet["wait"]?.()
  await facet["wake"]?.("woken")
  assert.equal(await waiting, "woken")
  const failing = scene.facet(
    "gate fails",
    "constructor(ctx, env) { super(ctx, env); ctx.blockConcurrencyWhile(async () => { throw new Error('no start') }) } x() {}",
  )
  await assert.rejects(async () => failing["x"]?.(), { code: "worker.guest", message: "Error: no start" })
})

test("functions and streams cross both ways", async () => {
  const facet = scene.facet(
    "bridge",
    `async each(list, act) { const out = []; for (const item of list) out.push(await act(item)); return out }
    async fetch(request) {
      const text = await request.text()
      return new Response(new ReadableStream({ start(c) { for (const part of text.split(",")) c.enqueue(new TextEncoder().encode(part + ";")); c.close() } }))
    }`,
  )
  const doubled = await facet["each"]?.([1, 2], (n: number) => n * 2)
  const response = await facet.fetch(new Request("https://x/", { method: "POST", body: "a,b" }))
  assert.deepEqual([doubled, await response.text()], [[2, 4], "a;b;"])
})

test("an idle facet is put to rest and wakes with its storage", async () => {
  await using own = await openScene({ facets: { idleMs: 60 } })
  const facet = own.facet("rests", `${counter} born = Math.random(); which() { return this.born }`)
  await textOf(facet)
  const born = await facet["which"]?.()
  await eventually(async () => {
    await new Promise((done) => setTimeout(done, 200))
    return (await facet["which"]?.()) !== born
  }, "another instance answers")
  assert.equal(await textOf(facet), "You have made 2 requests.")
})

test("alarms: once, again after a failure, replaced, deleted", async () => {
  const facet = scene.facet(
    "alarm",
    `set(ms, mode) { this.mode = mode; this.ctx.storage.setAlarm(Date.now() + ms); return this.ctx.storage.getAlarm() }
    get() { return this.ctx.storage.getAlarm() }
    async unset() { await this.ctx.storage.deleteAlarm() }
    log() { return [...this.ctx.storage.kv.list({ prefix: "alarm" })].map(([, value]) => value) }
    async alarm(info) {
      const log = this.log()
      this.ctx.storage.kv.put("alarm" + log.length, { ...info, inside: await this.ctx.storage.getAlarm() })
      if (this.mode === "again" && log.length < 2) await this.ctx.storage.setAlarm(Date.now())
      if (this.mode === "throw" && !info.isRetry) throw new Error("first time")
    }`,
  )
  const log = async (): Promise<unknown[]> => (await facet["log"]?.()) as unknown[]
  assert.equal(typeof (await facet["set"]?.(0, "again")), "number")
  const first = { retryCount: 0, isRetry: false, inside: null }
  await eventually(async () => (await log()).length === 3, "three alarms")
  assert.deepEqual([await log(), await facet["get"]?.()], [[first, first, first], null])
  await facet["set"]?.(0, "throw")
  await eventually(async () => (await log()).length === 5, "a retry")
  assert.deepEqual((await log()).slice(3), [first, { retryCount: 1, isRetry: true, inside: null }])
  await facet["set"]?.(3_600_000, "none")
  await facet["unset"]?.()
  assert.equal(await facet["get"]?.(), null)
  const without = scene.facet("no handler", "set() { return this.ctx.storage.setAlarm(1) }")
  await assert.rejects(async () => without["set"]?.(), { message: /must have an alarm\(\) handler/ })
})

test("a trusted parent class has this.ctx.facets; its facets see its id", async () => {
  const loader = new WorkerLoader({ platform })
  class AppRunner extends DurableObject<{ LOADER: WorkerLoader }> {
    async fetch(request: Request): Promise<Response> {
      const facet = this.ctx.facets.get("app", async () => ({
        class: this.env.LOADER.get("code-v1", () => ({
          mainModule: "w.js",
          modules: {
            "w.js":
              "import { DurableObject } from 'cloudflare:workers'\nexport class App extends DurableObject { fetch() { return new Response(this.ctx.id.name + ' ' + this.ctx.id) } }",
          },
        })).getDurableObjectClass("App"),
      }))
      return facet.fetch(request)
    }
    hello(name: string): string {
      return `hello ${name}`
    }
  }
  const namespace = new DurableObjectNamespace(AppRunner, { platform, env: { LOADER: loader } })
  const stub = namespace.getByName("my-app")
  const text = await (await stub.fetch("https://x/")).text()
  assert.deepEqual(
    [text, await (stub as unknown as AnyFacet)["hello"]?.("you")],
    [`my-app ${String(namespace.idFromName("my-app"))}`, "hello you"],
  )
})

test("tails hear of each call", async () => {
  const events: unknown[] = []
  const tail: Tail = {
    tail: (items) =>
      events.push(...items.map(({ event, logs, outcome }) => [event, logs.map(({ message }) => message), outcome])),
  }
  const stub = new WorkerLoader({ platform }).load({
    mainModule: "m.js",
    modules: { "m.js": "export class Main { x() { console.log('said'); } y() { throw new Error('no') } }" },
    tails: [tail],
  })
  const facet = platform
    .facets("tails")
    .get("t", () => ({ class: stub.getDurableObjectClass("Main") })) as unknown as AnyFacet
  await facet["x"]?.()
  await assert.rejects(async () => facet["y"]?.())
  assert.deepEqual(events, [
    [{ rpcMethod: "x" }, [["said"]], "ok"],
    [{ rpcMethod: "y" }, [], "exception"],
  ])
})

test("without dataDir storage ends with the platform", async () => {
  const folders = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith("mayfly-objects-"))
  const before = new Set(folders())
  const own = await createPlatform({ hosts: 1, spare: false })
  const stub = new WorkerLoader({ platform: own }).load({ mainModule: "m.js", modules: { "m.js": classText(counter) } })
  const facet = own.facets("p").get("f", () => ({ class: stub.getDurableObjectClass("Main") })) as unknown as AnyFacet
  const texts = [await textOf(facet), await textOf(facet)]
  const made = folders().filter((name) => !before.has(name))
  await own.dispose()
  const left = new Set(folders())
  assert.deepEqual(
    [texts.at(-1), made.length > 0, made.some((name) => !left.has(name))],
    ["You have made 2 requests.", true, true],
  )
})

test("a full database is an error of the statement, and what was there stays", async () => {
  await using own = await openScene({ facets: { maxBytes: 1 << 20 } })
  const facet = own.facet(
    "full",
    `${sqlBody} small() { this.ctx.storage.kv.put("a", 1) } a() { return this.ctx.storage.kv.get("a") }`,
  )
  await facet["small"]?.()
  await facet["sql"]?.("CREATE TABLE t (a)")
  const fill =
    "INSERT INTO t WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 2000) SELECT randomblob(1000) FROM n"
  await assert.rejects(async () => facet["sql"]?.(fill), { message: /database or disk is full/ })
  assert.deepEqual([await facet["a"]?.(), await facet["sql"]?.("SELECT count(*) AS n FROM t")], [1, [{ n: 0 }]])
})
