// npm run bench -- server: the HTTP API under load, under ten times its load, and for long.
import { loadavg } from "node:os"
import { join } from "node:path"
import { installPeers, peerVersion } from "./contenders/peers.ts"
import { type BenchOptions, helpOf, parseOptions } from "./options.ts"
import { describeCommit } from "./report/machine.ts"
import { print, progress, save } from "./report/output.ts"
import { goalsTable } from "./report/sections.ts"
import { figure } from "./report/table.ts"
import { goalsOf, type ServerResults } from "./server/goals.ts"
import { inProcess, type LoadContender, type LoadRow, measureLoad, overHttp, overWorkerd } from "./server/load.ts"
import { measureOverload, type Overload } from "./server/overload.ts"
import { loadText, overloadText, servedRow, soakText } from "./server/sections.ts"
import { serve, type Served } from "./server/served.ts"
import { soak } from "./server/soak.ts"

const sections = ["load", "overload", "soak"] as const
const contenders = {
  "in-process": { title: "worker.run in the bench's own process, its rows on disk: what HTTP adds is the rest" },
  workerd: { title: "workerd's worker loader behind a parent worker, one process, over HTTP" },
}
const settings = {
  full: { rounds: 3, seconds: 10, operations: 100_000 },
  quick: { rounds: 1, seconds: 3, operations: 4_000 },
}
type Options = BenchOptions<(typeof sections)[number], (typeof settings)["full"]>
type Measured = { -readonly [Name in keyof ServerResults]: ServerResults[Name] }

const choice = { sections, contenders, settings }
const options = parseOptions(process.argv.slice(2), choice)
if (options === undefined) {
  const about = "Load, overload and a long soak of `mayfly serve`."
  print(helpOf("server", { about, quick: "rounds of 3 seconds, a soak of 4,000 operations" }, choice))
} else await bench(options)

async function bench({ names, sections: wanted, settings: size, json }: Options): Promise<void> {
  const loadBefore = loadavg()[0] ?? 0
  print(`load before: ${figure(loadBefore)}`)
  const measured: Measured = {}
  if (wanted.includes("load") || wanted.includes("overload")) {
    await using served = await serve()
    if (wanted.includes("load")) {
      measured.load = await load(served, names, size)
      print(loadText(measured.load))
    }
    if (wanted.includes("overload")) {
      measured.overload = await overload(served, measured.load, size.seconds)
      print(overloadText(measured.overload))
    }
  }
  if (wanted.includes("soak")) {
    progress("soak")
    // A server of its own: what the flood before left in memory says nothing.
    await using served = await serve()
    measured.soak = await soak(served, size.operations)
    print(soakText(measured.soak))
  }
  print(goalsTable(goalsOf(measured)))
  const command = `npm run bench -- server ${process.argv.slice(2).join(" ")}`.trim()
  const header = { commit: describeCommit(join(import.meta.dirname, "..")), command, date: new Date().toISOString() }
  save({ ...header, loadBefore, ...measured }, json ?? join(import.meta.dirname, "results", "server.json"))
}

async function load(served: Served, names: readonly string[], size: Options["settings"]): Promise<LoadRow[]> {
  await using stack = new AsyncDisposableStack()
  const http = overHttp(served)
  const all: LoadContender[] = [http]
  if (names.includes("in-process")) all.push(stack.use(await inProcess()))
  if (names.includes("workerd")) all.push(...(await workerd()).map((one) => stack.use(one)))
  for (const one of all) await one.round(16, 1)
  return await measureLoad(all, [1, 16, 128], size)
}

async function workerd(): Promise<LoadContender[]> {
  installPeers()
  const found = peerVersion("workerd")
  if ("version" in found) return [await overWorkerd()]
  print(`workerd is left out: ${found.problem}`)
  return []
}

async function overload(served: Served, rows: readonly LoadRow[] | undefined, seconds: number): Promise<Overload> {
  const known = rows === undefined ? undefined : servedRow(rows, 128)
  const { runsPerSecond } = known ?? (await overHttp(served).round(128, seconds))
  progress("overload")
  return measureOverload(served, runsPerSecond, seconds)
}
