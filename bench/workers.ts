// npm run bench -- workers: Mayfly's dynamic workers beside other ways to run a program from scratch. See docs/reference/benchmarks.md.
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { contenders } from "./contenders/all.ts"
import { installPeers, peerVersion } from "./contenders/peers.ts"
import { programOf } from "./contenders/program.ts"
import { Driver, killDrivers } from "./measure/driver.ts"
import { measureBridge } from "./measure/bridge.ts"
import { measureLimits } from "./measure/limits.ts"
import { measureMemory } from "./measure/memory.ts"
import { measureNeighbour } from "./measure/neighbour.ts"
import { measureClients, measureSizes } from "./measure/scale.ts"
import { measureSpeed } from "./measure/speed.ts"
import { full, quick, type Settings } from "./measure/settings.ts"
import { type BenchOptions as OptionsOf, helpOf, parseOptions } from "./options.ts"
import { describeCommit, describeMachine } from "./report/machine.ts"
import { print, progress, save } from "./report/output.ts"
import type { Results } from "./report/results.ts"
import {
  bridgeText,
  goalsText,
  limitsText,
  machineText,
  memoryText,
  neighbourText,
  scaleText,
  speedText,
} from "./report/sections.ts"

const sections = ["speed", "sizes", "clients", "memory", "limits", "neighbour", "bridge"] as const
type SectionName = (typeof sections)[number]
type BenchOptions = OptionsOf<SectionName, Settings>
type Measured = { -readonly [Name in SectionName]?: Results[Name] }

const choice = { sections, contenders, settings: { full, quick } }
const about = {
  about: "Measures Mayfly's dynamic workers beside other ways to run a program from scratch, in interleaved rounds.",
  quick: "fewer and shorter rounds: about two minutes instead of ten",
}
const here = dirname(fileURLToPath(import.meta.url))
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    killDrivers()
    // Hosts of this process end with it; drivers get a moment for theirs.
    setTimeout(() => process.exit(130), 300)
  })
}
process.exitCode = await main()

async function main(): Promise<number> {
  try {
    const options = parseOptions(process.argv.slice(2), choice)
    if (options === undefined) console.log(helpOf("workers", about, choice))
    else await bench(options)
    return 0
  } catch (error) {
    killDrivers()
    console.error(error instanceof Error ? error.message : error)
    return 2
  }
}

async function bench(options: BenchOptions): Promise<void> {
  installPeers()
  const date = new Date().toISOString()
  const machine = describeMachine()
  const commit = describeCommit(here)
  console.log(`${machineText(machine, commit)}\n`)
  const skipped: Record<string, string> = {}
  const measured: Measured = {}
  await speedSections(options, measured, skipped)
  await mayflySections(options, measured, skipped)
  const command = `npm run bench -- workers ${process.argv.slice(2).join(" ")}`.trim()
  const results: Results = { commit, command, date, machine, settings: options.settings, skipped, ...measured }
  console.log(`${goalsText(results)}\n`)
  save(results, options.json ?? join(here, "results", "workers.json"))
}

/** The sections in which contenders are compared. */
async function speedSections(
  options: BenchOptions,
  measured: Measured,
  skipped: Record<string, string>,
): Promise<void> {
  const { settings, sections, names } = options
  if (!sections.some((name) => name === "speed" || name === "sizes" || name === "clients")) return
  const drivers = await startDrivers(names, skipped)
  const scaling = (axis: string): Driver[] => drivers.filter(({ name }) => contenders[name]?.scales?.includes(axis))
  try {
    if (sections.includes("speed")) {
      const list = drivers.map((driver) => {
        const entry = contenders[driver.name]
        return { driver, isOutside: entry?.isOutside === true, isSlow: entry?.isSlow === true }
      })
      const onRound = (round: number): void => progress(`speed: round ${round + 1} of ${settings.rounds}`)
      measured.speed = await measureSpeed(list, settings, onRound)
      print(speedText(measured.speed, settings.clients))
    }
    if (sections.includes("clients")) {
      progress("runs per second by clients")
      measured.clients = await measureClients(scaling("clients"), settings)
      print(scaleText(measured.clients, "runs/s by clients", settings.clientCounts.map(String)))
    }
    if (sections.includes("sizes")) {
      progress("latency by size of the program")
      measured.sizes = await measureSizes(scaling("size"), settings)
      const steps = settings.sizesKb.map((size) => `${size} kB`)
      print(scaleText(measured.sizes, "p50 ms by size of the program", steps))
    }
  } finally {
    await Promise.all(drivers.map((driver) => driver.stop()))
  }
}

async function startDrivers(names: readonly string[], skipped: Record<string, string>): Promise<Driver[]> {
  const drivers: Driver[] = []
  for (const name of names) {
    progress(`starting ${name}`)
    try {
      drivers.push(await Driver.start(name, programOf(0)))
    } catch (error) {
      const problem = missingPeer(name) ?? (error as Error).message
      skipped[name] = problem
      print(`left out: ${name}: ${problem.split("\n").slice(0, 3).join(" ")}`)
    }
  }
  return drivers
}

function missingPeer(name: string): string | undefined {
  const peer = contenders[name]?.peer
  if (peer === undefined) return undefined
  const found = peerVersion(peer)
  return "problem" in found ? `${peer} can't be used: ${found.problem}` : undefined
}

/** The sections about Mayfly itself; in them this process is the supervisor. */
async function mayflySections(
  options: BenchOptions,
  measured: Measured,
  skipped: Record<string, string>,
): Promise<void> {
  const { settings, sections, names } = options
  if (sections.includes("memory")) {
    progress("memory")
    const others = names.filter((name) => name === "raw" || (name === "workerd" && missingPeer(name) === undefined))
    const memory = await measureMemory(settings, others)
    if (memory === undefined) print((skipped["memory"] = "left out: memory: /proc/PID/smaps_rollup can't be read here"))
    else print(memoryText((measured.memory = memory)))
  }
  if (sections.includes("limits")) {
    progress("limits")
    print(limitsText((measured.limits = await measureLimits(settings))))
  }
  if (sections.includes("neighbour")) {
    progress("neighbours")
    print(neighbourText((measured.neighbour = await measureNeighbour(settings))))
  }
  if (sections.includes("bridge")) {
    progress("bridge")
    const withWorkerd = names.includes("workerd") && missingPeer("workerd") === undefined
    print(bridgeText((measured.bridge = await measureBridge(settings, withWorkerd))))
  }
}
