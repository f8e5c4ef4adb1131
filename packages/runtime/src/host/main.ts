// A host process: one CPU lane and a pool of warm isolates. It has no network, no secrets and no files; it may be killed at any time and is never
// asked to exit. Its main thread runs only this code; guest code runs on isolated-vm's threads.
import { setPriority } from "node:os"
import { writeFileSync, writeSync } from "node:fs"
import type { CompiledProgram } from "../compile/program.ts"
import { channelOnFd, type Head } from "../wire/frame-channel.ts"
import { die } from "./die.ts"
import { Guest } from "./guest.ts"
import { cacheCommonSoon, loadGuestBundle } from "./guest-bundle.ts"
import { type Ending, GuestRun, type RunOrder } from "./guest-run.ts"
import { KeptGuests } from "./kept-guests.ts"
import { Lane, type Turn } from "./lane.ts"
import type { Train, TrainEvents } from "./train.ts"
import { WarmPool } from "./warm-pool.ts"
import { WarmStart, WarmStarts } from "./warm-starts.ts"

interface HostOptions {
  readonly bundle: string
  readonly pool: number
  readonly memoryMb: number
  /** A file in which the host notes the run whose turn it is, so that a crash can be blamed on it; absent when there is none. */
  readonly noteFd?: number
}

const options = JSON.parse(process.argv[2] ?? "{}") as HostOptions
const programs = new Map<number, CompiledProgram>()
const runs = new Map<number, GuestRun>()
const kept = new KeptGuests((key) => channel.send({ t: "forgot", key }))
const maxPartsPerFrame = 1_000

markExpendable()
const bundle = loadGuestBundle(options.bundle)
const pool = new WarmPool(bundle, options.memoryMb, options.pool)

const lane = new Lane<GuestRun | Train | WarmStart>({
  onLong(sentBack) {
    channel.send({ t: "long", sentBack: sentBack.flatMap(({ member }) => runsOf(member)) })
    channel.flush()
    for (const { member } of sentBack) {
      if (member instanceof GuestRun) giveBack(member)
      else if (member instanceof WarmStart) warmStarts.gone(member)
    }
  },
  onIdle: () => channel.send({ t: "idle" }),
  onRunaway: (reason) => die(reason),
})

const events: TrainEvents = {
  onTurn: (run, enter, isStart) => lane.enqueue(turnOf(run, enter, isStart)),
  onLogs(run, lines) {
    for (let at = 0; at < lines.length; at += maxPartsPerFrame) {
      channel.send({ t: "logs", run: run.order.run }, ...lines.slice(at, at + maxPartsPerFrame))
    }
  },
  onLogsCut: (run) => channel.send({ t: "logs-cut", run: run.order.run }),
  onCall: (run, op, id, payload, buffers) =>
    channel.sendWith(buffers, { t: "call", run: run.order.run, id, op }, payload),
  onCancel: (run, id) => channel.send({ t: "cancel-call", run: run.order.run, id }),
  onReply: (run, id, text, buffers) => channel.sendWith(buffers, { t: "reply", run: run.order.run, id }, text),
  onResponse(run, stream, head) {
    const { cpuMs, wallMs, peakBytes } = run
    channel.send({ t: "response", run: run.order.run, stream, cpuMs, wallMs, peakBytes }, head)
  },
  onRelease: (run, target, count) => channel.send({ t: "release", run: run.order.run, target, count }),
  onSubtle: (run, id, payload) => lane.enqueue(turnOf(run, () => subtle(run, id, payload), false)),
  onStore(run, { kind, payload }) {
    channel.send({ t: "store", run: run.order.run, kind }, payload)
    // A thread stands still until the answer is here.
    channel.flush()
  },
  onResume: (run, enter) => lane.enqueue({ ...turnOf(run, enter, false, true), resumes: true }),
  onParked: (run) => channel.send({ t: "parked", run: run.order.run }),
  onEnd: ended,
  onUndone: undone,
  onLeftOver: (waiting) => warmStarts.addAgain(waiting),
  onCatastrophe() {
    channel.flush()
    // The parked thread holds its memory until the process is gone.
    setTimeout(() => die("out of memory"), 2)
  },
}

const warmStarts = new WarmStarts({
  lane,
  events,
  guestFor,
  onBegin(begun) {
    for (const run of begun) runs.set(run.order.run, run)
    // A crash in a shared turn is nobody's: each is begun again, alone.
    note(begun.length === 1 ? (begun[0]?.order.run ?? 0) : 0)
  },
})

const channel = channelOnFd(3, (head, parts, buffers) => {
  switch (head.t) {
    case "code":
      return void programs.set(head["code"] as number, JSON.parse(parts[0] ?? "{}") as CompiledProgram)
    case "drop":
      return void programs.delete(head["code"] as number)
    case "run":
      return start(head, parts)
    case "answer":
      return runs.get(head["run"] as number)?.answer(head["id"] as number, head["ok"] === true, parts[0] ?? "", buffers)
    case "invoke":
      return runs
        .get(head["run"] as number)
        ?.invoke(head["id"] as number, parts[0] ?? "", parts[1] ?? "j[]", buffers, head["renews"] === true)
    case "stored":
      return runs
        .get(head["run"] as number)
        ?.stored({ text: parts[0] ?? "-{}", isDirty: head["dirty"] === true }, head["ms"] as number)
    case "release":
      return runs.get(head["run"] as number)?.released(head["target"] as number, head["count"] as number)
    case "abort":
      return abort(head["run"] as number)
    case "end":
      return endAtLimit(head)
    case "ping":
      lane.checkIdle()
      kept.forgetIdle()
      return channel.send({ t: "pong" })
  }
})

pool.fill()
channel.send({ t: "ready", pid: process.pid })
cacheCommonSoon(bundle)

function start(head: Head, parts: readonly string[]): void {
  const order = head as unknown as RunOrder
  const program = programs.get(head["code"] as number)
  if (program === undefined) return die("a run without its code")
  if (lane.isLong) return channel.send({ t: "long", sentBack: [order.run] })
  const [input = "", env = "", props = ""] = parts
  const texts = { input, env, props }
  const { keep, call, alone } = order
  if (keep !== undefined && call !== "prewarm" && alone !== true)
    return warmStarts.add({ key: keep, program, order, texts })
  const run = new GuestRun(order, guestFor(order, program), events)
  runs.set(order.run, run)
  lane.enqueue(turnOf(run, () => run.start(texts), true))
}

function guestFor({ keep, call, memoryMb }: RunOrder, program: CompiledProgram): Guest {
  const warm = keep === undefined || call === "prewarm" ? undefined : kept.take(keep)
  return warm ?? new Guest(pool.take(memoryMb), program)
}

function turnOf(run: GuestRun, enter: () => Promise<unknown>, isStart: boolean, isRest = false): Turn<GuestRun> {
  return {
    member: run,
    isStart,
    enter() {
      note(run.order.run)
      return isRest ? enter() : run.entered(enter)
    },
    leave: (error) => run.settle(error),
  }
}

/** The operation takes the lane, so that its CPU is the run's. */
async function subtle(run: GuestRun, id: number, payload: string): Promise<void> {
  const answer = await run.guest.subtle.perform(payload)
  run.answer(id, true, answer)
}

function ended(run: GuestRun, ending: Ending): void {
  const { kind } = ending
  const text = kind === "result" || kind === "failure" ? ending.text : ""
  const isKept = kind === "result" && !run.isBoarded && keepsGuest(run)
  channel.send(
    {
      t: "done",
      run: run.order.run,
      kind,
      ...(kind === "limit" ? { limit: ending.limit, used: ending.used } : {}),
      cpuMs: run.cpuMs,
      wallMs: run.wallMs,
      peakBytes: run.peakBytes,
      ...(isKept ? { kept: true } : {}),
    },
    text,
  )
  if (run.isBoarded) return void runs.delete(run.order.run)
  channel.flush()
  if (isKept) return void runs.delete(run.order.run)
  release(run, kind === "limit" && ending.limit === "memory" ? memoryGraceMs : undefined)
}

/** Only between turns: a guest that still runs is not fit for another call. */
function keepsGuest({ order, guest }: GuestRun): boolean {
  return order.keep !== undefined && guest.isEvaluated && kept.keep(order.keep, guest)
}

/** Memory grows fast: a run over its limit gets hardly any time to stop. */
const memoryGraceMs = 8

function abort(id: number): void {
  const run = runs.get(id)
  if (run !== undefined) return run.end({ kind: "limit", limit: "wall", used: run.wallMs })
  if (warmStarts.remove(id)) channel.send({ t: "done", run: id, kind: "limit", limit: "wall" })
}

function runsOf(member: GuestRun | Train | WarmStart): readonly number[] {
  if (member instanceof GuestRun) return [member.order.run]
  return member instanceof WarmStart ? member.boardings.map(({ order }) => order.run) : []
}

/** Nobody has gone over a limit yet, and other runs of this process would go with it: longer than for those that have. */
const undoneGraceMs = 250

/** A train was stopped. Its isolate may need a moment to notice. */
function undone(train: Train): void {
  const waiting = train.runs.filter((run) => !run.isOver).map(({ order }) => order.run)
  for (const { order } of train.runs) runs.delete(order.run)
  channel.send({ t: "undone", runs: waiting })
  channel.flush()
  lane.condemn(train, undoneGraceMs)
  pool.refillSoon()
}

/** A limit that the supervisor counts. */
function endAtLimit(head: Head): void {
  const limit = head["limit"] === "calls" ? "calls" : "requests"
  runs.get(head["run"] as number)?.end({ kind: "limit", limit, used: head["used"] as number })
}

function giveBack(run: GuestRun): void {
  runs.delete(run.order.run)
  run.dispose()
  pool.refillSoon()
}

function release(run: GuestRun, graceMs: number | undefined): void {
  runs.delete(run.order.run)
  run.dispose()
  lane.condemn(run, graceMs)
  pool.refillSoon()
}

let noted = 0

function note(run: number): void {
  if (options.noteFd === undefined || run === noted) return
  noted = run
  writeSync(options.noteFd, String(run).padEnd(16), 0)
}

/** When memory runs out on the machine, the kernel should take this process first. */
function markExpendable(): void {
  try {
    writeFileSync("/proc/self/oom_score_adj", "1000")
  } catch {
    // Not Linux, or not allowed.
  }
  try {
    setPriority(1)
  } catch {
    // Only a hint: the supervisor should answer first.
  }
}
