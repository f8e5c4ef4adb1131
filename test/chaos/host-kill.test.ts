import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import { Duplex } from "node:stream"
import { after, test } from "node:test"
import { createPlatform, DynamicWorker, type Platform, type Run } from "@mayfly/platform"
import { frameChannel, type Head } from "../../packages/runtime/src/wire/frame-channel.ts"
import { eventually, hostsOf, isAlive, processesOf, readProcesses } from "../attacks/processes.ts"

const timeout = 20_000
const sleeper = "export default async (ms) => { await new Promise((done) => setTimeout(done, ms)); return ms }"

function kill(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, "SIGKILL")
    } catch {
      // It is gone already.
    }
  }
}

function codes(runs: readonly Run[]): string[] {
  return runs.map((run) => (run.ok ? "ok" : run.error.code))
}

async function withPlatform<T>(work: (platform: Platform) => Promise<T>): Promise<T> {
  const platform = await createPlatform()
  try {
    return await work(platform)
  } finally {
    await platform.dispose()
  }
}

test(
  "runs that nobody has seen anything of are silently run again when their host is killed",
  { timeout },
  async () => {
    await withPlatform(async (platform) => {
      const worker = await DynamicWorker.create({ script: sleeper, platform })
      await worker.run(1)
      const runs = Array.from({ length: 20 }, () => worker.execute(300))
      await worker.run(1)
      kill(hostsOf())
      const ended = await Promise.all(runs)
      // The one whose turn it was may be the reason of the crash; all others are innocent.
      const crashed = ended.filter((run) => !run.ok)
      assert.ok(crashed.length <= 3, codes(ended).join())
      for (const run of crashed)
        assert.deepStrictEqual(
          [run.ok ? "" : run.error.code, !run.ok && run.error.retry],
          ["worker.host-crashed", true],
        )
      assert.deepStrictEqual(
        await Promise.all(Array.from({ length: 10 }, () => worker.run(1))),
        Array.from({ length: 10 }, () => 1),
      )
    })
  },
)

test("a run that called out is not run again when its host is killed, and says so", { timeout }, async () => {
  await withPlatform(async (platform) => {
    let calls = 0
    const called = Promise.withResolvers<void>()
    const env = {
      act() {
        calls++
        called.resolve()
      },
    }
    const script =
      "export default async (input, env) => { await env.act(); await new Promise((done) => setTimeout(done, 20000)) }"
    const worker = await DynamicWorker.create({ script, platform, env })
    const run = worker.execute()
    await called.promise
    kill(hostsOf())
    const ended = await run
    assert.deepStrictEqual([codes([ended]), !ended.ok && ended.error.retry, calls], [["worker.host-crashed"], false, 1])
    assert.ok(ended.usage.wallMs > 0 && ended.usage.bindingCalls === 1, JSON.stringify(ended.usage))
  })
})

test("a watched run that logged is not run again", { timeout }, async () => {
  await withPlatform(async (platform) => {
    const script =
      "export default async () => { console.log('said'); await new Promise((done) => setTimeout(done, 20000)) }"
    const worker = await DynamicWorker.create({ script, platform })
    const seen: string[] = []
    for await (const event of worker.stream()) {
      seen.push(
        event.type === "log"
          ? event.message
          : event.type === "error"
            ? `${event.error.code} ${event.error.retry}`
            : event.type,
      )
      if (event.type === "log") kill(hostsOf())
    }
    assert.deepStrictEqual(seen, ["said", "worker.host-crashed false"])
  })
})

test("hosts killed again and again are replaced, and runs go on", { timeout }, async () => {
  await withPlatform(async (platform) => {
    const worker = await DynamicWorker.create({ script: sleeper, platform })
    await worker.run(1)
    for (let round = 0; round < 4; round++) {
      kill(hostsOf())
      const run = await worker.execute(5)
      // Every process is gone at once: a run may meet two dead ones in a row.
      assert.ok(
        run.ok ? run.result === 5 : run.error.code === "worker.host-crashed" && run.error.retry,
        codes([run]).join(),
      )
    }
    assert.equal(await worker.run(6), 6)
    await eventually(() => hostsOf().length >= 2, "hosts are back")
  })
})

test("a compiler that is killed is replaced", { timeout }, async () => {
  await withPlatform(async (platform) => {
    const create = (): Promise<DynamicWorker> =>
      DynamicWorker.create({ script: `export default () => ${Math.random()} > 2`, platform })
    await create()
    kill(processesOf("/compiler.mjs"))
    await eventually(
      async () =>
        create()
          .then((worker) => worker.run())
          .then(
            (value) => value === false,
            () => false,
          ),
      "compiling works again",
    )
  })
})

test("dispose with runs under way answers all of them and leaves no process", { timeout }, async () => {
  const before = new Set(readProcesses())
  const platform = await createPlatform()
  const worker = await DynamicWorker.create({ script: sleeper, platform })
  const busy = await DynamicWorker.create({ script: "for(;;);", platform })
  await worker.run(1)
  const runs = [...Array.from({ length: 10 }, () => worker.execute(20_000)), busy.execute(), busy.execute()]
  await worker.run(1)
  await platform.dispose()
  assert.deepStrictEqual(
    codes(await Promise.all(runs)),
    runs.map(() => "worker.aborted"),
  )
  await assert.rejects(worker.run(1), { code: "platform.disposed" })
  await platform.dispose()
  await eventually(() => readProcesses().every((pid) => before.has(pid) || !isAlive(pid)), "no process is left")
})

test("dispose right after the start, at any moment of it, ends and leaves no process", { timeout }, async () => {
  for (let ms = 0; ms < 24; ms += 4) {
    const before = new Set(readProcesses())
    const platform = await createPlatform()
    await new Promise((resolve) => setTimeout(resolve, ms))
    const below = readProcesses().filter((pid) => !before.has(pid))
    await platform.dispose()
    await eventually(() => below.every((pid) => !isAlive(pid)), `no orphan, disposed after ${ms} ms`, 5_000)
  }
})

// Programs of a user's, in processes of their own.

const root = fileURLToPath(new URL("../..", import.meta.url))

interface Program {
  readonly pid: number
  readonly ended: Promise<number | null>
  /** Resolves with the first line of output. */
  readonly said: Promise<string>
  readonly errors: () => string
}

function start(code: string): Program {
  const source = `import { createPlatform, DynamicWorker } from "@mayfly/platform"\n${code}`
  const child = spawn(process.execPath, ["--conditions=source", "--input-type=module-typescript", "-e", source], {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
  })
  let errors = ""
  child.stderr.on("data", (text: Buffer) => (errors += text.toString()))
  const ended = once(child, "exit").then(([status]) => status as number | null)
  const said = new Promise<string>((resolve) =>
    child.stdout.once("data", (text: Buffer) => resolve(text.toString().trim())),
  )
  after(() => child.kill("SIGKILL"))
  return { pid: child.pid ?? 0, ended, said, errors: () => errors }
}

for (const signal of ["SIGKILL", "SIGTERM", "SIGINT"] as const) {
  test(`a supervisor ended by ${signal} leaves no host, compiler or jail behind`, { timeout }, async () => {
    const program = start(`
      const platform = await createPlatform()
      const busy = await DynamicWorker.create({ script: "for(;;);", platform, limits: { cpuMs: null, wallMs: null } })
      const waiting = await DynamicWorker.create({ script: "export default () => new Promise((done) => setTimeout(done, 1e6))", platform, limits: { wallMs: null } })
      busy.execute(); waiting.execute()
      const quick = await DynamicWorker.create({ script: "export default () => 1", platform, tenant: "other" })
      await quick.run()
      console.log("running")`)
    assert.equal(await program.said, "running", program.errors())
    const below = readProcesses(program.pid)
    assert.ok(below.length >= 3, "there are hosts")
    process.kill(program.pid, signal)
    await program.ended
    await eventually(() => below.every((pid) => !isAlive(pid)), `no orphan after ${signal}`)
  })
}

test("a supervisor killed while its processes start leaves none behind", { timeout }, async () => {
  const program = start(`const platform = await createPlatform(); console.log("made"); setTimeout(() => {}, 1e6)`)
  await program.said
  const below = readProcesses(program.pid)
  process.kill(program.pid, "SIGKILL")
  await program.ended
  await eventually(() => below.every((pid) => !isAlive(pid)), "no orphan")
})

test("a program that just finishes exits by itself, without dispose", { timeout }, async () => {
  const program = start(`
    const worker = await DynamicWorker.create({ script: "export default (x) => x + 1" })
    console.log(await worker.run(1))`)
  assert.equal(await program.said, "2", program.errors())
  assert.equal(await program.ended, 0)
})

test("a program that never runs anything exits by itself", { timeout }, async () => {
  const program = start(`const platform = await createPlatform(); console.log("made")`)
  assert.equal(await program.said, "made", program.errors())
  assert.equal(await program.ended, 0)
})

test("a program that throws exits with its own status and leaves nothing behind", { timeout }, async () => {
  const program = start(`
    const platform = await createPlatform()
    const worker = await DynamicWorker.create({ script: "for(;;);", platform, limits: { cpuMs: null, wallMs: null } })
    void worker.execute()
    const quick = await DynamicWorker.create({ script: "export default () => 1", platform, tenant: "other" })
    await quick.run()
    console.log("running")
    await new Promise((done) => setTimeout(done, 50))
    throw new Error("mine")`)
  await program.said
  const below = readProcesses(program.pid)
  assert.equal(await program.ended, 1)
  assert.match(program.errors(), /Error: mine/)
  await eventually(() => below.every((pid) => !isAlive(pid)), "no orphan")
})

// A hostile host: what it may write on the wire.

function feed(chunks: readonly Buffer[]): { frames: [Head, readonly string[]][]; broken: string[] } {
  const frames: [Head, readonly string[]][] = []
  const broken: string[] = []
  const stream = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() })
  frameChannel(
    stream,
    (head, parts) => void frames.push([head, parts]),
    (reason) => broken.push(reason),
  )
  for (const chunk of chunks) stream.emit("data", chunk)
  stream.destroy()
  return { frames, broken }
}

function frame(
  head: string,
  parts: readonly string[] = [],
  lie: { headLength?: number; count?: number; lengths?: readonly number[] } = {},
): Buffer {
  const numbers = [
    lie.headLength ?? Buffer.byteLength(head),
    lie.count ?? parts.length,
    ...(lie.lengths ?? parts.map((part) => Buffer.byteLength(part))),
  ]
  const header = Buffer.alloc(numbers.length * 4)
  numbers.forEach((number, index) => header.writeUInt32LE(number, index * 4))
  return Buffer.concat([header, Buffer.from(head), ...parts.map((part) => Buffer.from(part))])
}

test("frames arrive whole however they are cut", () => {
  const bytes = Buffer.concat([frame('{"t":"a"}', ["é", "", "x".repeat(1_000)]), frame('{"t":"b"}')])
  const expected = [
    [{ t: "a" }, ["é", "", "x".repeat(1_000)]],
    [{ t: "b" }, []],
  ]
  for (const size of [1, 3, 7, 8, 9, 64, 4_096]) {
    const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
      bytes.subarray(index * size, (index + 1) * size),
    )
    assert.deepStrictEqual(feed(chunks), { frames: expected, broken: [] }, `chunks of ${size}`)
  }
})

test("malformed frames break the channel once, and nothing behind them is read", () => {
  const hostile: Record<string, Buffer> = {
    "too many parts": frame('{"t":"a"}', [], { count: 4_000_000_000 }),
    "a part of 4 GB": frame('{"t":"a"}', ["x"], { lengths: [4_294_967_295] }),
    "a head of 4 GB": frame('{"t":"a"}', [], { headLength: 4_294_967_295 }),
    "parts that together are too large": frame('{"t":"a"}', ["", "", ""], { lengths: [1e9, 1e9, 1e9] }),
    "a head that is no JSON": frame("{"),
    "an empty head": frame(""),
    "a head cut inside a character": frame('{"t":"é"}', [], { headLength: 7 }),
    "a head of null": frame("null"),
    "a head that is a number": frame("1"),
    "a head without a kind": frame("{}"),
    "random bytes": Buffer.from(Array.from({ length: 4_096 }, (_, index) => (index * 7919 + 13) % 256)),
  }
  for (const [name, bytes] of Object.entries(hostile)) {
    const { frames, broken } = feed([bytes, frame('{"t":"after"}'), frame('{"t":"after"}')])
    const heads = frames.map(([head]) => (head as Head | null)?.t)
    assert.deepStrictEqual([broken.length, heads.includes("after")], [1, false], name)
  }
})

test("a frame that never ends costs no more than its bytes", () => {
  const { frames, broken } = feed([
    frame('{"t":"a"}', [], { headLength: 1_000_000 }),
    ...Array.from({ length: 50 }, () => Buffer.alloc(10_000, 32)),
  ])
  assert.deepStrictEqual({ frames, broken }, { frames: [], broken: [] })
})
