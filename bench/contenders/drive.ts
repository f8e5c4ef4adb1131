// One contender in a process of its own, so that its CPU and memory are its own and nobody else's garbage is collected in its runs.
import { contenders } from "./all.ts"
import type { Contender } from "./contender.ts"
import type { Command, LoopResult, Reply } from "./commands.ts"

const name = process.argv[2] ?? ""
// Also on Ctrl-C, so that exit handlers end what the contender started.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(0))
process.on("disconnect", () => process.exit(0))

const starting = contenders[name]?.start()
if (starting === undefined) throw new Error(`there is no contender "${name}"`)
starting.catch(() => {})

process.on("message", (message) => void answer(message as Command))

async function answer(command: Command): Promise<void> {
  let reply: Reply
  try {
    reply = { ok: true, result: await perform(await starting, command) }
  } catch (error) {
    reply = { ok: false, problem: (error as Error).stack ?? String(error) }
  }
  process.send?.(reply)
}

async function perform(contender: Contender | undefined, command: Command): Promise<LoopResult | undefined> {
  if (contender === undefined) return undefined
  switch (command.kind) {
    case "use":
      await contender.use(command.script)
      return undefined
    case "sequence":
      return sequence(contender, command.runs)
    case "clients":
      return clients(contender, command.clients, command.forMs)
    case "hold":
      if (contender.hold === undefined) throw new Error("it can't hold isolates")
      await contender.hold(command.count)
      return undefined
    case "stop":
      await contender[Symbol.asyncDispose]()
      return undefined
  }
}

async function sequence(contender: Contender, runs: number): Promise<LoopResult> {
  const started = performance.now()
  if (contender.loop !== undefined) return meanOf(runs, await contender.loop(1, runs))
  const latencies: number[] = []
  for (let index = 0; index < runs; index++) {
    latencies.push(await timed(contender))
    // The event loop goes round once, as it does between two requests.
    await new Promise(setImmediate)
  }
  return { runs, ms: performance.now() - started, latencies }
}

async function clients(contender: Contender, count: number, forMs: number): Promise<LoopResult> {
  if (contender.loop !== undefined) return inLoops(contender.loop.bind(contender), count, forMs)
  const latencies: number[] = []
  const started = performance.now()
  const client = async (): Promise<void> => {
    while (performance.now() - started < forMs) latencies.push(await timed(contender))
  }
  await Promise.all(Array.from({ length: count }, client))
  return { runs: latencies.length, ms: performance.now() - started, latencies }
}

/** Loops that can't be stopped from outside: in portions that take about a fifth of the time. */
async function inLoops(
  loop: (clients: number, runs: number) => Promise<number>,
  count: number,
  forMs: number,
): Promise<LoopResult> {
  let runs = 0
  let ms = 0
  let portion = count * 2
  while (ms < forMs) {
    const took = await loop(count, portion)
    runs += portion
    ms += took
    portion = Math.max(count, Math.round((portion * forMs) / 5 / took))
  }
  return meanOf(runs, ms)
}

function meanOf(runs: number, ms: number): LoopResult {
  return { runs, ms, latencies: [ms / runs] }
}

async function timed(contender: Contender): Promise<number> {
  const started = performance.now()
  await contender.run()
  return performance.now() - started
}
