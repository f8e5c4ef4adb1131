import assert from "node:assert/strict"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test } from "node:test"
import { defaultLimits } from "@mayfly/protocol"
import { bindEnv } from "../worker/env-bindings.ts"
import { RunSession } from "../worker/run-session.ts"
import { HostProcess } from "./host-process.ts"
import type { CallAnswer, PoolHandler, PoolOutcome, PoolRequest } from "./isolate-pool.ts"
import { PoolRun } from "./pool-run.ts"
import { findRuntimeFiles } from "./runtime-files.ts"
import { WarmPace } from "./warm-pace.ts"

// A host process that was taken over says what it likes. These are real processes that speak the frames, badly.

const prelude = `
const { Socket } = require("node:net")
const socket = new Socket({ fd: 3, readable: true, writable: true })
const counts = (parts, buffers) => parts.length | (buffers.length << 16)
function frame(head, parts = [], buffers = [], lie = {}) {
  const texts = [Buffer.from(JSON.stringify(head)), ...parts.map((part) => Buffer.from(part))]
  const header = Buffer.alloc(8 + 4 * (parts.length + buffers.length))
  header.writeUInt32LE(texts[0].length, 0)
  header.writeUInt32LE(counts(parts, buffers), 4)
  ;[...texts.slice(1), ...buffers].forEach(({ length }, at) => header.writeUInt32LE(lie[at] ?? length, 8 + 4 * at))
  return Buffer.concat([header, ...texts, ...buffers])
}
const say = (...args) => socket.write(frame(...args))
const done = (run, more = {}) => say({ t: "done", run, kind: "result", cpuMs: 1, wallMs: 1, peakBytes: 1, ...more }, ["jtrue"])
let seen = Buffer.alloc(0)
const answers = []
let onAnswer = () => {}
/** Head and texts of each frame of the supervisor. */
socket.on("data", (chunk) => {
  seen = Buffer.concat([seen, chunk])
  for (;;) {
    if (seen.length < 8) return
    const count = seen.readUInt16LE(4) + seen.readUInt16LE(6)
    if (seen.length < 8 + 4 * count) return
    const lengths = [seen.readUInt32LE(0), ...Array.from({ length: count }, (_, at) => seen.readUInt32LE(8 + 4 * at))]
    let at = 8 + 4 * count
    if (seen.length < at + lengths.reduce((a, b) => a + b)) return
    const pieces = lengths.map((length) => seen.subarray(at, (at += length)))
    seen = Buffer.from(seen.subarray(at))
    const head = JSON.parse(pieces[0])
    if (head.t === "run") act(head.run)
    if (head.t === "answer") onAnswer(head, String(pieces[1]))
  }
})
say({ t: "ready", pid: 1 })
`

interface Fate {
  readonly outcome: PoolOutcome
  readonly sentBack: number
  readonly calls: number
}

/** Runs something in a host that does `act(run)` when it is given the run. */
async function runIn(act: string, call: PoolRequest["call"] = "run"): Promise<Fate> {
  const folder = mkdtempSync(join(tmpdir(), "mayfly-hostile-"))
  const script = join(folder, "host.cjs")
  writeFileSync(script, `${prelude}\nfunction act(run) { ${act} }`)
  let sentBack = 0
  let calls = 0
  const session = new RunSession(bindEnv({ size: (bytes: Uint8Array) => bytes.byteLength }))
  const handler: PoolHandler = {
    onStart: (_, port) => session.connect(port),
    onReply: (id, text, buffers) => session.onReply(id, text, buffers),
    onEarly() {},
    onRelease: (target, count) => session.onRelease(target, count),
    onLogs() {},
    onLogsCut() {},
    onCall(_, payload, __, buffers): Promise<CallAnswer> {
      calls++
      return session.perform(payload, buffers)
    },
    hasEffects: false,
  }
  const request: PoolRequest = {
    id: "run_test",
    tenant: "default",
    program: { hash: "hash", text: "{}" },
    call,
    limits: defaultLimits,
    input: "j1",
    env: "j{}",
    props: "j{}",
    gives: "data",
    keep: "key",
  }
  const run = new PoolRun(request, handler)
  const files = { ...findRuntimeFiles(), host: script }
  const settings = { files, isolates: 0, memoryMb: 64, pace: new WarmPace() }
  const host = new HostProcess(settings, {
    onFree() {},
    onSentBack(runs) {
      sentBack += runs.length
      for (const back of runs) back.crashed("sent back", false)
    },
    onReady: () => host.start(run),
    onGone: (_, movable) => movable.forEach((moved) => moved.crashed("moved", false)),
  })
  try {
    return { outcome: await run.outcome, sentBack, calls }
  } finally {
    await host.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

test("bytes for runs, calls and streams that nobody knows are dropped", async () => {
  const { outcome, calls } = await runIn(`
    const bytes = [Buffer.alloc(100_000, 7), Buffer.alloc(0)]
    for (const other of [run + 1, -1, null, "1", 1e300]) {
      for (const t of ["reply", "call", "response", "release", "logs", "done", "cancel-call"]) say({ t, run: other, id: 1, op: "B" }, ["x"], bytes)
    }
    for (const id of [0, 99, -1, null, "x"]) say({ t: "reply", run, id }, ["+j1"], bytes)
    for (const t of ["nonsense", "answer", "run", "code", "__proto__", "undone", "forgot"]) say({ t, run }, ["x"], bytes)
    done(run)`)
  assert.deepEqual([outcome.kind, outcome.kind === "result" && outcome.text, calls], ["result", "jtrue", 0])
})

test("calls that refer to bytes which are not there, or twice to the same, are answered with an error", async () => {
  const { outcome, calls } = await runIn(`
    const view = (index) => 't[["a",1,1],["v","Uint8Array",2,0,4],["b",' + index + ']]'
    const twice = 't[["a",2,1,3],["v","Uint8Array",2,0,4],["b",0],["v","Uint8Array",4,0,4],["b",0]]'
    const outside = 't[["a",1,1],["v","Uint8Array",2,0,4000],["b",0]]'
    const bad = [view(0), view(1), view(-1), view(0.5), view('"__proto__"'), twice, outside]
    bad.forEach((args, id) => say({ t: "call", run, id, op: "B" }, ["0\\n\\n" + args], id === 0 ? [] : [Buffer.alloc(4)]))
    say({ t: "call", run, id: 90, op: "B" }, ["0\\n\\n" + view(0)], [Buffer.alloc(4), Buffer.alloc(9), Buffer.alloc(0)])
    onAnswer = (head, text) => {
      answers.push([head.id, head.ok, head.ok ? text : ""])
      if (answers.length === bad.length + 1) say({ t: "done", run, kind: "result", cpuMs: 1, wallMs: 1, peakBytes: 1 }, ["j" + JSON.stringify(answers)])
    }`)
  assert.equal(calls, 8)
  const answers = outcome.kind === "result" ? (JSON.parse(outcome.text.slice(1)) as unknown[][]) : []
  assert.deepEqual(
    answers.toSorted(([a], [b]) => Number(a) - Number(b)),
    [...[0, 1, 2, 3, 4, 5, 6].map((id) => [id, false, ""]), [90, true, "j4"]],
  )
})

const broken: readonly [name: string, act: string][] = [
  ["a buffer too large for any frame", `socket.write(frame({ t: "call", run, id: 1, op: "B" }, ["x"], [Buffer.alloc(9)], { 1: 0xffffffff }))`],
  ["more buffers than any frame has", `const header = Buffer.alloc(8); header.writeUInt16LE(65_535, 6); socket.write(header)`],
  ["lengths that do not fit", `socket.write(frame({ t: "call", run, id: 1, op: "B" }, ["x"], [Buffer.alloc(64, 0xff)], { 1: 3 }))`],
  ["a head that is bytes", `const text = Buffer.alloc(20); text.writeUInt32LE(4, 0); text.writeUInt16LE(1, 6); text.writeUInt32LE(4, 8); socket.write(text)`],
] // oxfmt-ignore

for (const [name, act] of broken) {
  test(`a host that sends ${name} is killed, and its run is told`, async () => {
    const { outcome } = await runIn(act)
    assert.equal(outcome.kind, "crashed")
  })
}

test("a host can send back runs as undone, but neither others' nor the same twice", async () => {
  const { outcome, sentBack } = await runIn(`
    for (const runs of [undefined, null, {}, "1", [run + 1, null, -1], [run, run], [run]]) say({ t: "undone", runs })`)
  assert.deepEqual([outcome.kind, sentBack], ["crashed", 1])
})
