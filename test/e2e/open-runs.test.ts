import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { after, test } from "node:test"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { createPlatform, DynamicWorker, MayflyError, WorkerLoader } from "mayfly"
import { hostsOf } from "../attacks/processes.ts"

const platform = await createPlatform({ hosts: 1, spare: false, openRuns: { perTenant: 3 } })
after(() => platform.dispose())

type Call = (...args: unknown[]) => Promise<unknown>
type Stub = Record<string, Call> & Disposable

const program = `
  import { RpcTarget, WorkerEntrypoint } from "cloudflare:workers"
  class Counter extends RpcTarget {
    #count = 0
    increment(by = 1) { return (this.#count += by) }
    child() { return new Counter() }
    spin() { for (;;); }
    later(ms) { return new Promise((resolve) => setTimeout(resolve, ms, "late")) }
    never() { return new Promise(() => {}) }
  }
  export default class extends WorkerEntrypoint {
    getCounter() { return new Counter() }
    double() { return (n) => n * 2 }
    both() { return { counter: new Counter(), double: (n) => n * 2, name: "both", when: new Date(0) } }
    stream() { return new ReadableStream({ start(c) { c.enqueue(new Uint8Array([1, 2])); c.close() } }) }
    async *count(to) { try { for (let n = 1; n <= to; n++) yield n } finally { await this.env.closed() } }
    plain() { return { a: 1 } }
  }`

interface Opened {
  readonly entry: Stub
  readonly closed: Promise<void>
}

let ids = 0
function open(options: { limits?: object; tenant?: string } = {}): Opened {
  const { limits, tenant } = options
  let close = (): void => {}
  const closed = new Promise<void>((resolve) => (close = resolve))
  const loader = new WorkerLoader({ platform, tenant: tenant ?? `t${ids++}` })
  const stub = loader.load({
    mainModule: "main.js",
    modules: { "main.js": program },
    env: { closed: () => close() },
    ...(limits && { limits }),
  })
  return { entry: stub.getEntrypoint() as unknown as Stub, closed }
}

const codeOf = async (call: Promise<unknown> | undefined): Promise<unknown> => {
  const error = await call?.then(
    (value) => assert.fail(`it gave ${String(value)}`),
    (thrown: unknown) => thrown,
  )
  return error instanceof MayflyError ? error.code : error
}

test("a target that a call returns keeps its state while it is held, and is expired when it was disposed", async () => {
  const { entry } = open()
  const counter = (await entry["getCounter"]?.()) as Stub
  assert.deepEqual([await counter["increment"]?.(), await counter["increment"]?.(4)], [1, 5])
  const child = (await counter["child"]?.()) as Stub
  counter[Symbol.dispose]()
  assert.equal(await codeOf(counter["increment"]?.()), "worker.stub-expired")
  // The run stays open for what is still held.
  assert.equal(await child["increment"]?.(), 1)
  child[Symbol.dispose]()
})

test("disposing a result disposes the stubs in it, and the run ends", async () => {
  const { entry } = open()
  const result = (await entry["both"]?.()) as { counter: Stub; double: Call; name: string; when: Date } & Disposable
  assert.deepEqual(
    [await result.counter["increment"]?.(), await result.double(21), result.name, result.when, Object.keys(result)],
    [1, 42, "both", new Date(0), ["counter", "double", "name", "when"]],
  )
  const before = platform.runtime.openRuns.size
  result[Symbol.dispose]()
  assert.equal(await codeOf(result.double(1)), "worker.stub-expired")
  assert.equal(await codeOf(result.counter["increment"]?.()), "worker.stub-expired")
  // A run after it has its turn when the release has arrived.
  assert.deepEqual(await entry["plain"]?.(), { a: 1 })
  assert.equal(platform.runtime.openRuns.size, before - 1)
})

test("functions, streams and generators come as stubs, too", async () => {
  const { entry, closed } = open()
  const double = (await entry["double"]?.()) as Call
  assert.equal(await double(4), 8)
  const chunks: unknown[] = []
  const stream = (await entry["stream"]?.()) as AsyncIterable<unknown>
  for await (const chunk of stream) chunks.push(chunk)
  const values: unknown[] = []
  const generator = (await entry["count"]?.(1e9)) as AsyncIterable<unknown>
  for await (const value of generator) {
    values.push(value)
    if (values.length === 3) break
  }
  // The generator's finally block has run.
  await closed
  assert.deepEqual([chunks, values], [[new Uint8Array([1, 2])], [1, 2, 3]])
})

test("worker.run gives targets as stubs, and functions when asked", async () => {
  const create = (script: string): Promise<DynamicWorker> => DynamicWorker.create({ script, platform, tenant: "run" })
  const counter = await create(
    `import { RpcTarget } from "cloudflare:workers"; class C extends RpcTarget { n = 0; add(by) { return this.n += by } }
     export default () => ({ counter: new C(), list: [1] })`,
  )
  const result = (await counter.run()) as { counter: Stub; list: number[] } & Disposable
  assert.deepEqual([await result.counter["add"]?.(2), await result.counter["add"]?.(2), result.list], [2, 4, [1]])
  result[Symbol.dispose]()
  assert.deepEqual(await counter.run(undefined, { stubs: false }), { counter: { n: 0 }, list: [1] })
  const maker = await create("export default (by) => (n) => n + by")
  assert.equal(await codeOf(maker.run(1)), "worker.not-serializable")
  const add = (await maker.run(5, { stubs: true })) as Call
  assert.equal(await add(1), 6)
})

test("usage and logs of an open run go on", async () => {
  const worker = await DynamicWorker.create({
    script:
      "export default (_, env) => { console.log('made'); return async (n) => { console.log('called', n); return env.twice(n) } }",
    env: { twice: (n: number) => n * 2 },
    platform,
    tenant: "usage",
  })
  const run = await worker.execute(undefined, { stubs: true })
  assert.ok(run.ok)
  assert.deepEqual([run.logs.map(({ message }) => message), run.usage.bindingCalls], [["made"], 0])
  assert.equal(await (run.result as Call)(4), 8)
  assert.deepEqual([run.logs.map(({ message }) => message), run.usage.bindingCalls], [["made", "called 4"], 1])
})

test("a limit that a later call meets fails that call, and the stubs after it", async () => {
  const { entry } = open({ limits: { cpuMs: 100, wallMs: 60_000 } })
  const counter = (await entry["getCounter"]?.()) as Stub
  assert.equal(await codeOf(counter["spin"]?.()), "worker.cpu-limit")
  await assert.rejects(
    async () => counter["increment"]?.(),
    (error: MayflyError) =>
      error.code === "worker.stub-expired" && (error.cause as MayflyError).code === "worker.cpu-limit",
  )
})

test("stubs expire at the run's wall limit, and with the platform's idle time", async () => {
  const { entry } = open({ limits: { wallMs: 300 } })
  const counter = (await entry["getCounter"]?.()) as Stub
  assert.equal(await codeOf(counter["never"]?.()), "worker.wall-limit")
  assert.equal(await codeOf(counter["increment"]?.()), "worker.stub-expired")
  await using quick = await createPlatform({ hosts: 1, spare: false, openRuns: { idleMs: 20 } })
  const kept = await DynamicWorker.create({
    script: "export default () => (ms) => new Promise((resolve) => setTimeout(resolve, ms, 'late'))",
    platform: quick,
    limits: { wallMs: null },
  })
  const call = (await kept.run(undefined, { stubs: true })) as Call
  // A call under way is no idleness.
  assert.equal(await call(100), "late")
  while (quick.runtime.openRuns.size > 0) await kept.run(undefined, { stubs: false }).catch(() => {})
  assert.equal(await codeOf(call(1)), "worker.stub-expired")
})

test("one open run too many of a tenant ends the one that was used longest ago", async () => {
  const stubs: Stub[] = []
  for (let count = 0; count < 3; count++) stubs.push((await open({ tenant: "many" }).entry["getCounter"]?.()) as Stub)
  const [first, second] = stubs
  assert.equal(await first?.["increment"]?.(), 1)
  const other = (await open({ tenant: "other" }).entry["getCounter"]?.()) as Stub
  const fourth = (await open({ tenant: "many" }).entry["getCounter"]?.()) as Stub
  await assert.rejects(async () => second?.["increment"]?.(), {
    code: "worker.stub-expired",
    message: 'tenant "many" holds stubs of more than 3 runs, and this one was used longest ago',
  })
  assert.deepEqual(
    [await first?.["increment"]?.(), await fourth["increment"]?.(), await other["increment"]?.()],
    [2, 1, 1],
  )
})

test("a cancelled signal, a dead host and a disposed platform end open runs", async () => {
  const worker = await DynamicWorker.create({ script: "export default () => (n) => n + 1", platform, tenant: "ends" })
  const abort = new AbortController()
  const call = (await worker.run(undefined, { stubs: true, signal: abort.signal })) as Call
  assert.equal(await call(1), 2)
  abort.abort()
  assert.deepEqual([await codeOf(call(1)), await codeOf(call(1))], ["worker.aborted", "worker.stub-expired"])

  const held = (await worker.run(undefined, { stubs: true })) as Call
  for (const pid of hostsOf()) process.kill(pid, "SIGKILL")
  assert.match(String(await codeOf(held(1))), /^worker\.(?:host-crashed|stub-expired)$/)
  assert.equal(await ((await worker.run(undefined, { stubs: true })) as Call)(1), 2)

  await using other = await createPlatform({ hosts: 1, spare: false })
  const gone = await DynamicWorker.create({ script: "export default () => (n) => n + 1", platform: other })
  const last = (await gone.run(undefined, { stubs: true })) as Call
  await other.dispose()
  assert.equal(await codeOf(last(1)), "worker.stub-expired")
})

test("a stub of one guest can be passed on to another", async () => {
  const { entry } = open()
  const counter = await entry["getCounter"]?.()
  const other = await DynamicWorker.create({
    script: "return env.counter().then((c) => c.increment(7))",
    env: { counter: () => counter },
    platform,
  })
  assert.equal(await other.run(), 7)
})

test("tails are told when an open run is over", async () => {
  const told: { outcome: string; logs: { message: readonly string[] }[] }[] = []
  let tell = (): void => {}
  const wasTold = new Promise<void>((resolve) => (tell = resolve))
  const loader = new WorkerLoader({ platform, tenant: "tails" })
  const stub = loader.load({
    mainModule: "main.js",
    modules: { "main.js": "export default { make: () => () => console.log('called') }" },
    tails: [
      {
        tail(items) {
          told.push(...(items as never as typeof told))
          tell()
        },
      },
    ],
  })
  const call = (await (stub.getEntrypoint() as unknown as Stub)["make"]?.()) as unknown as Call & Disposable
  await call()
  assert.equal(told.length, 0)
  call[Symbol.dispose]()
  await wasTold
  assert.deepEqual(
    told.map(({ outcome, logs }) => [outcome, logs.map(({ message }) => message[0])]),
    [["ok", ["called"]]],
  )
})

test("runs end when nobody holds their stubs any more", { timeout: 60_000 }, async () => {
  setFlagsFromString("--expose-gc")
  const collect = runInNewContext("gc") as () => void
  await using own = await createPlatform({ hosts: 1, spare: false })
  const worker = await DynamicWorker.create({
    script: "export default () => ({ call: (n) => n + 1 })",
    platform: own,
    limits: { wallMs: null },
  })
  const plain = await DynamicWorker.create({ script: "1", platform: own })
  const held = (await worker.run(undefined, { stubs: true })) as { call: Call }
  for (let count = 0; count < 10; count++)
    await ((await worker.run(undefined, { stubs: true })) as { call: Call }).call(1)
  // Finalizers have their turns while other runs do.
  for (collect(); own.runtime.openRuns.size > 1; collect()) await plain.run()
  assert.equal(await held.call(1), 2)
})

test("a program that holds a stub and does nothing ends by itself", { timeout: 20_000 }, async () => {
  const text = `import { DynamicWorker } from "mayfly"
    const worker = await DynamicWorker.create({ script: "export default () => (n) => n + 1", limits: { wallMs: null } })
    const call = await worker.run(undefined, { stubs: true }); console.log(await call(1))
    globalThis.held = call`
  const child = spawn(
    process.execPath,
    ["--conditions=source", "--disable-warning=ExperimentalWarning", "--input-type=module", "-e", text],
    {
      stdio: ["ignore", "pipe", "inherit"],
    },
  )
  let output = ""
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()))
  const [code] = (await once(child, "close")) as [number]
  assert.deepEqual([code, output], [0, "2\n"])
})
