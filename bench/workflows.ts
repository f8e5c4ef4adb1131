// npm run bench -- workflows: Mayfly's workflows beside other durable engines. See docs/reference/benchmarks.md.
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { programOf } from "./contenders/program.ts"
import { Driver, killDrivers as killWorkers } from "./measure/driver.ts"
import { type BenchOptions as OptionsOf, helpOf, parseOptions } from "./options.ts"
import { describeCommit, describeMachine, type Machine } from "./report/machine.ts"
import { print, progress, save } from "./report/output.ts"
import { goalsTable, machineText } from "./report/sections.ts"
import { contenders, type SectionName, sectionNames as sections } from "./workflows/all.ts"
import { killDrivers, WorkflowDriver } from "./workflows/driver.ts"
import { goalsOf } from "./workflows/goals.ts"
import { measureNaps } from "./workflows/measure-naps.ts"
import { measureResume, measureSize, measureSleepers } from "./workflows/measure-rest.ts"
import { measureSpeed } from "./workflows/measure-speed.ts"
import { installPeers, peerVersion } from "./workflows/peers.ts"
import { closePlaces, newPlace, type Place } from "./workflows/places.ts"
import type { Results } from "./workflows/results.ts"
import { full, quick, type Settings } from "./workflows/settings.ts"
import { napsText, resumeText, sizeText, sleepersText, speedText } from "./workflows/sections.ts"

type BenchOptions = OptionsOf<SectionName, Settings>
type Measured = { -readonly [Name in Exclude<keyof Results, keyof Header>]?: NonNullable<Results[Name]> }
type Header = Pick<Results, "commit" | "command" | "date" | "machine" | "settings" | "failures">

const choice = { sections, contenders, settings: { full, quick } }
const about = {
  about:
    "Measures Mayfly's workflows beside other durable engines, in interleaved rounds, each with what it has for durability.",
  quick: "fewer rounds: about five minutes instead of fifteen",
}
const here = dirname(fileURLToPath(import.meta.url))
const failures: string[] = []
const startMs = 60_000
const freshMs = 1_500
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    // In this turn: nothing may be started meanwhile. No process and no folder stays.
    cleanUp()
    process.exit(130)
  })
}
process.exitCode = await main()

async function main(): Promise<number> {
  try {
    const options = parseOptions(process.argv.slice(2), choice)
    if (options === undefined) console.log(helpOf("workflows", about, choice))
    else await bench(options)
    return 0
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    return 2
  } finally {
    cleanUp()
  }
}

function cleanUp(): void {
  killWorkers()
  killDrivers()
  closePlaces()
}

async function bench(options: BenchOptions): Promise<void> {
  installPeers()
  const { settings, sections } = options
  const date = new Date().toISOString()
  const machine = describePeers()
  const commit = describeCommit(here)
  print(machineText(machine, commit))
  const measured: Measured = {}
  if (sections.includes("speed")) await speedSection(options, measured)
  const sleepers = await each(options, "sleepers", (name) => measureSleepers(name, settings))
  if (sleepers !== undefined) print(sleepersText((measured.sleepers = sleepers), settings))
  const resume = await each(options, "resume", (name) => measureResume(name, settings))
  if (resume !== undefined) print(resumeText((measured.resume = resume), settings))
  const size = await each(options, "size", (name) => measureSize(name, settings))
  if (size !== undefined) {
    print(sizeText((measured.size = size)))
    if (options.names.includes("mayfly")) print(napsText((measured.naps = await measureNaps(settings.napping))))
  }
  const command = `npm run bench -- workflows ${process.argv.slice(2).join(" ")}`.trim()
  const results: Results = { commit, command, date, machine, settings, failures, ...measured }
  print(goalsTable(goalsOf(results)))
  if (failures.length > 0) print(`not measured:\n${failures.map((text) => `  ${text}`).join("\n")}`)
  save(results, options.json ?? join(here, "results", "workflows.json"))
}

/** All contenders are there at the same time, so that a busy minute hits all of them. */
async function speedSection({ names, settings }: BenchOptions, measured: Measured): Promise<void> {
  const places: Place[] = []
  const drivers: WorkflowDriver[] = []
  try {
    for (const name of names.filter((one) => contenders[one]?.sections.includes("speed"))) {
      progress(`starting ${name}`)
      try {
        const place = await newPlace(name)
        places.push(place)
        const driver = new WorkflowDriver(name, place)
        drivers.push(driver)
        await driver.ask({ kind: "run", prefix: "warm", count: 5, steps: settings.steps }, startMs)
      } catch (error) {
        await drivers.find((driver) => driver.name === name)?.kill()
        failed(name, "speed", error)
      }
    }
    const working = drivers.filter(({ isRunning }) => isRunning)
    const rows = await measureSpeed(working, settings, {
      round: (round) => progress(`speed: round ${round + 1} of ${settings.rounds}`),
      failure: (name, error) => failed(name, "speed", error),
    })
    measured.speed = rows
    print(speedText(rows, settings))
  } finally {
    for (const driver of drivers) await driver.kill()
    for (const place of places) await place.close()
  }
  if (names.includes("mayfly-code")) await freshRuns(measured)
}

async function freshRuns(measured: Measured): Promise<void> {
  const driver = await Driver.start("mayfly", programOf(0))
  try {
    await driver.clients(16, freshMs)
    const { runs, ms } = await driver.clients(16, freshMs)
    measured.freshPerSecond = (runs / ms) * 1_000
    print(`fresh isolates, 16 at once: ${Math.round(measured.freshPerSecond)} runs/s`)
  } finally {
    await driver.stop()
  }
}

/** Undefined when the section was not asked for. */
async function each<Row>(
  { names, sections }: BenchOptions,
  section: SectionName,
  measure: (name: string) => Promise<Row>,
): Promise<Row[] | undefined> {
  if (!sections.includes(section)) return undefined
  const rows: Row[] = []
  for (const name of names.filter((one) => contenders[one]?.sections.includes(section))) {
    progress(`${section}: ${name}`)
    try {
      rows.push(await measure(name))
    } catch (error) {
      failed(name, section, error)
    }
  }
  return rows
}

function failed(name: string, section: string, error: unknown): void {
  const known = section === "resume" ? contenders[name]?.cannotResume : undefined
  const [problem = ""] = (error instanceof Error ? error.message : String(error)).split("\n")
  const text = `${section} of ${contenders[name]?.title ?? name}: ${problem}${known === undefined ? "" : ` (${known})`}`
  failures.push(text)
  print(`left out: ${text}`)
}

function describePeers(): Machine {
  const peers = Object.values(contenders).flatMap(({ peer }) => (peer === undefined ? [] : [[peer, peerVersion(peer)]]))
  return { ...describeMachine(), peers: Object.fromEntries(peers) as Record<string, string> }
}
