import assert from "node:assert/strict"
import { after, test } from "node:test"
import { createPlatform, DynamicWorker, type Run } from "@mayfly/platform"

const platform = await createPlatform({ hosts: 1, spare: false })
after(() => platform.dispose())

/** `count` runs of a warm worker at once; the one in the middle gets `odd` as its input, the others their number. */
async function together(worker: DynamicWorker, odd: unknown, count = 12): Promise<{ odd: Run; others: Run[] }> {
  // Several times, so that the pool knows them as short ones that may stand in line.
  for (let turn = 0; turn < 5; turn++) await worker.run(-1, { reuse: true })
  const middle = count >> 1
  const inputs = Array.from({ length: count }, (_, at) => (at === middle ? odd : at))
  const runs = await Promise.all(inputs.map((input) => worker.execute(input, { reuse: true })))
  return { odd: runs[middle] as Run, others: runs.toSpliced(middle, 1) }
}

const create = (script: string, options: object = {}): Promise<DynamicWorker> =>
  DynamicWorker.create({ script, platform, ...options })

const inputsOf = (count = 12): number[] => Array.from({ length: count }, (_, at) => at).toSpliced(count >> 1, 1)

function results(runs: readonly Run[]): unknown[] {
  return runs.map((run) => (run.ok ? run.result : run.error.code))
}

test("warm runs at once each have their own input, result, logs and usage", async () => {
  const worker = await create(
    `let n = 0; export default (input) => { console.log("run", input); return { input, n: ++n } }`,
  )
  const { odd, others } = await together(worker, "odd", 40)
  for (const run of [odd, ...others]) {
    const { input, n } = run.ok ? (run.result as { input: unknown; n: number }) : { input: run.error, n: 0 }
    assert.deepEqual(
      run.logs.map(({ message }) => message),
      [`run ${String(input)}`],
    )
    assert.ok(n > 0)
    assert.deepEqual(
      [run.usage.logBytes, run.usage.cpuMs >= 0, run.usage.cpuMs < 50, run.usage.wallMs > 0],
      [`run ${String(input)}`.length, true, true, true],
    )
    assert.ok(run.usage.peakMemoryBytes > 0)
  }
  assert.deepEqual(
    others.map((run) => run.ok && (run.result as { input: unknown }).input),
    inputsOf(40),
  )
})

const bad: readonly [name: string, script: string, code: string, limits: object][] = [
  ["spins", "for (;;);", "worker.cpu-limit", { cpuMs: 100 }],
  ["spins behind a pending promise", "void new Promise(() => {}); for (const until = Date.now() + 9e9; Date.now() < until;);", "worker.cpu-limit", { cpuMs: 60 }],
  ["fills the heap", "const all = []; for (;;) all.push(new Array(1e4).fill(1))", "worker.memory-limit", { memoryMb: 32 }],
  ["makes V8 abort", `"a".repeat(2e7).replace(/a/g, "$&$&$&$&$&$&$&$&$&$&$&$&$&$&$&$&$&$&$&$&$&$&$&$&$&$&$&$&")`, "worker.memory-limit", {}],
  ["throws", "throw new Error('x')", "worker.guest", {}],
  ["floods its log", "for (;;) console.log('x'.repeat(1000))", "worker.log-limit", { logBytes: 1_000 }],
  ["gives too much", "return 'x'.repeat(1000)", "worker.output-limit", { outputBytes: 500 }],
  ["gives what can't be passed", "return () => 1", "worker.not-serializable", {}],
  ["never ends", "await new Promise((done) => { setInterval(() => {}, 5) })", "worker.wall-limit", { wallMs: 300 }],
] // oxfmt-ignore

for (const [name, script, code, limits] of bad) {
  test(`a warm run that ${name} takes none of those beside it along`, async () => {
    const worker = await create(`export default async (input) => { if (input === "odd") { ${script} } return input }`, {
      limits,
    })
    const { odd, others } = await together(worker, "odd")
    assert.equal(odd.ok ? odd.result : odd.error.code, code)
    assert.deepEqual(results(others), inputsOf())
    assert.equal(await worker.run(1, { reuse: true }), 1)
  })
}

test("a warm run that waits holds up none of those beside it", async () => {
  let open = (): void => {}
  const opened = new Promise<string>((resolve) => (open = () => resolve("opened")))
  const worker = await create(
    `export default async (input, env) => input === "odd" ? [await env.wait(), await new Promise((d) => setTimeout(d, 5, "timer"))] : input`,
    { env: { wait: () => opened } },
  )
  for (let turn = 0; turn < 5; turn++) await worker.run(-1, { reuse: true })
  const odd = worker.run("odd", { reuse: true })
  const others = Array.from({ length: 12 }, (_, at) => worker.run(at, { reuse: true }))
  const more = together(worker, 7)
  assert.deepEqual(
    await Promise.all(others),
    Array.from({ length: 12 }, (_, at) => at),
  )
  assert.equal(results((await more).others).length, 11)
  open()
  assert.deepEqual(await odd, ["opened", "timer"])
})

test("what a warm run leaves to do belongs to it, and not to the next one of its turn", async () => {
  const hits: unknown[] = []
  const worker = await create(
    `export default (input, env) => {
      let later = Promise.resolve()
      for (let hop = 0; hop < 100; hop++) later = later.then(() => {})
      later.then(() => { console.log("later", input); return env.hit(input) })
      if (input === 3) Promise.reject(new Error("nobody handles " + input))
      setTimeout(() => console.log("never"), 0)
      return input
    }`,
    { env: { hit: (input: unknown) => hits.push(input) } },
  )
  const { odd, others } = await together(worker, "odd")
  for (const run of [odd, ...others]) {
    const input = run.ok ? String(run.result) : "?"
    // A rejection that nobody handled is no line any more when its run has ended by then; above all it is none of another run.
    assert.deepEqual(
      run.logs.map(({ message }) => message),
      [`later ${input}`],
    )
    assert.equal(run.usage.bindingCalls, 1)
  }
  assert.deepEqual(new Set(hits), new Set<unknown>([-1, ...inputsOf(), "odd"]))
})

test("a warm run that is aborted beside others ends as aborted", async () => {
  const worker = await create(`export default async (input) => input`)
  for (let turn = 0; turn < 5; turn++) await worker.run(-1, { reuse: true })
  const abort = new AbortController()
  const aborted = Array.from({ length: 6 }, () => worker.execute("odd", { reuse: true, signal: abort.signal }))
  const kept = Array.from({ length: 6 }, (_, at) => worker.run(at, { reuse: true }))
  abort.abort()
  assert.deepEqual(new Set(results(await Promise.all(aborted))), new Set(["worker.aborted"]))
  assert.deepEqual(await Promise.all(kept), [0, 1, 2, 3, 4, 5])
})

test("warm fetch handlers answer many requests at once, with and without streams", async () => {
  const worker = await create(`export default { async fetch(request) {
    const body = await request.bytes()
    if (body.length % 2) return new Response(new ReadableStream({ start(c) { c.enqueue(body); c.close() } }))
    return new Response(body, { headers: { "x-length": String(body.length) } })
  } }`)
  const answers = Array.from({ length: 30 }, async (_, at) => {
    const body = new Uint8Array(at * 5_001).fill(at)
    const response = await worker.fetch("https://a.b/", { method: "POST", body, reuse: true })
    assert.deepEqual(new Uint8Array(await response.arrayBuffer()), body)
  })
  await Promise.all(answers)
})
