import autocannon from "autocannon"
import { createPlatform, DynamicWorker } from "mayfly"
import { temporaryFolder } from "../contenders/temporary-folder.ts"
import { workerdConfig, workerdParent } from "../contenders/workerd-parent.ts"
import { startWorkerdServer } from "../contenders/workerd-server.ts"
import { cpuMsOf, processTree } from "../../packages/mayfly/src/cli/process-tree.ts"
import { median, percentile } from "../measure/statistics.ts"
import type { Served } from "./served.ts"

export interface Round {
  readonly runsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Of all processes, the one that asks too. */
  readonly cpuMsPerRun: number
  readonly failed: number
}

export interface LoadRow extends Round {
  readonly name: string
  readonly connections: number
}

/** One way to run a small program afresh, again and again. */
export interface LoadContender extends AsyncDisposable {
  readonly name: string
  round(connections: number, seconds: number): Promise<Round>
}

export const script = "export default (input) => ({ sum: input.a + input.b })"
const input = { a: 1, b: 2 }

/** Over `POST /v1/run`. */
export function overHttp({ url, key }: Served): LoadContender {
  const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" }
  const request = { url: `${url}/v1/run`, headers, body: JSON.stringify({ script, input }) }
  return { name: "mayfly serve", round: (...args) => ask(request, ...args), [Symbol.asyncDispose]: async () => {} }
}

/** The same in this process, with its rows on disk too: what HTTP adds is the rest. */
export async function inProcess(): Promise<LoadContender> {
  const platform = await createPlatform({ dataDir: temporaryFolder() })
  const worker = await DynamicWorker.create({ script, platform })
  await worker.run(input)
  return {
    name: "in process",
    round: (clients, seconds) => callAgain(() => worker.run(input), clients, seconds),
    async [Symbol.asyncDispose]() {
      await worker.dispose()
      await platform.dispose()
    },
  }
}

/** workerd's worker loader behind a parent worker. It has neither keys nor history, no limits and no jail. */
export async function overWorkerd(): Promise<LoadContender> {
  const server = await startWorkerdServer({ "config.capnp": workerdConfig, "parent.js": workerdParent })
  await server.post("/program", script)
  const request = { url: `http://127.0.0.1:${server.port}/run?kind=load`, body: JSON.stringify(input) }
  return {
    name: "workerd, one process",
    round: (...args) => ask(request, ...args),
    [Symbol.asyncDispose]: () => server.stop(),
  }
}

/** Every contender in turn, then all again: a busy minute hits all of them. */
export async function measureLoad(
  contenders: readonly LoadContender[],
  counts: readonly number[],
  { rounds, seconds }: { readonly rounds: number; readonly seconds: number },
): Promise<LoadRow[]> {
  const rows: LoadRow[] = []
  for (const connections of counts) {
    const measured = new Map<LoadContender, Round[]>(contenders.map((one) => [one, []]))
    for (let round = 0; round < rounds; round++) {
      for (const [contender, own] of measured) own.push(await contender.round(connections, seconds))
    }
    for (const [{ name }, own] of measured) rows.push({ name, connections, ...middleOf(own) })
  }
  return rows
}

function middleOf(rounds: readonly Round[]): Round {
  const middle = (name: keyof Round): number => median(rounds.map((one) => one[name]))
  return {
    runsPerSecond: middle("runsPerSecond"),
    p50Ms: middle("p50Ms"),
    p99Ms: middle("p99Ms"),
    cpuMsPerRun: middle("cpuMsPerRun"),
    failed: rounds.reduce((total, { failed }) => total + failed, 0),
  }
}

async function ask(request: autocannon.Options, connections: number, duration: number): Promise<Round> {
  const cpuMs = countCpu()
  const result = await autocannon({ ...request, method: "POST", connections, duration })
  return {
    runsPerSecond: result["2xx"] / result.duration,
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
    cpuMsPerRun: cpuMs() / result["2xx"],
    failed: result.errors + result.non2xx,
  }
}

async function callAgain(call: () => Promise<unknown>, clients: number, seconds: number): Promise<Round> {
  const cpuMs = countCpu()
  const until = performance.now() + seconds * 1_000
  const tookMs: number[] = []
  const client = async (): Promise<void> => {
    for (let at = performance.now(); at < until;) {
      await call()
      const now = performance.now()
      tookMs.push(now - at)
      at = now
    }
  }
  await Promise.all(Array.from({ length: clients }, client))
  return {
    runsPerSecond: tookMs.length / seconds,
    p50Ms: percentile(tookMs, 50),
    p99Ms: percentile(tookMs, 99),
    cpuMsPerRun: cpuMs() / tookMs.length,
    failed: 0,
  }
}

/** Of this process and all below it, until the function that it gives is called. Contenders that have no turn do nothing. */
function countCpu(): () => number {
  const tree = (): [number, number][] => processTree(process.pid).map((pid) => [pid, cpuMsOf(pid).own])
  const before = new Map(tree())
  // Without what ended meanwhile: killed with their jail, host processes are not in their parents' sums.
  return () => tree().reduce((total, [pid, ms]) => total + ms - (before.get(pid) ?? 0), 0)
}
