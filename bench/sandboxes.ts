// npm run bench -- sandboxes: sandboxes beside containers and other ways to hold a command in. See docs/reference/benchmarks.md.
import { mkdtempSync, rmSync } from "node:fs"
import { loadavg, tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { createPlatform, type Platform, Sandbox } from "mayfly"
import { pssBytes } from "./measure/process-tree.ts"
import { median, percentile } from "./measure/statistics.ts"
import { describeCommit } from "./report/machine.ts"
import { save } from "./report/output.ts"
import { figure, ratio, table } from "./report/table.ts"
import type { Box, SandboxContender, StartContender } from "./sandboxes/contender.ts"
import { type Docker, dockerApi, dockerCommands, dockerRun, startDocker } from "./sandboxes/docker.ts"
import { type EgressRates, egressRates } from "./sandboxes/egress-rates.ts"
import { mayflyContender } from "./sandboxes/mayfly.ts"
import { podmanContender, runcContender } from "./sandboxes/oci.ts"
import { makeRootfs } from "./sandboxes/rootfs.ts"
import { goalsOf, type SandboxResults, type Spread } from "./sandboxes/goals.ts"
import { srtContender } from "./sandboxes/srt.ts"

const help = `npm run bench -- sandboxes [--quick] [--only NAME,…] [--json FILE]

  --quick          fewer rounds: a minute or two instead of five
  --only NAME,…    only these contenders beside Mayfly: docker, runc, podman, srt
  --json FILE      where the results go as JSON; default bench/results/sandboxes.json
`

interface Options {
  readonly isQuick: boolean
  readonly only: readonly string[]
  readonly json: string
}

const makeTree =
  "for i in $(seq 10); do mkdir d$i; for j in $(seq 1000); do head -c 10000 /dev/urandom > d$i/$j; done; done"
const here = dirname(fileURLToPath(import.meta.url))
/** Undone in reverse, also after Ctrl-C. */
const undo: (() => Promise<void> | void | undefined)[] = []
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(signal, () => void cleanUp().finally(() => process.exit(130)))
process.exitCode = await main()

async function main(): Promise<number> {
  try {
    const options = parseOptions()
    if (options === undefined) console.log(help)
    else await bench(options)
    return 0
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    return 2
  } finally {
    await cleanUp()
  }
}

function parseOptions(): Options | undefined {
  const { values } = parseArgs({
    options: {
      quick: { type: "boolean", default: false },
      only: { type: "string", default: "docker,runc,podman,srt" },
      json: { type: "string", default: join(here, "results", "sandboxes.json") },
      help: { type: "boolean", short: "h", default: false },
    },
  })
  if (values.help) return undefined
  return { isQuick: values.quick, only: values.only.split(","), json: values.json }
}

async function cleanUp(): Promise<void> {
  for (const work of undo.splice(0).toReversed()) await Promise.resolve(work()).catch(() => {})
}

async function bench({ isQuick, only, json }: Options): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "mayfly-bench-sandboxes-"))
  undo.push(() => rmSync(folder, { recursive: true, force: true }))
  const platform = await createPlatform({ hosts: 1, isolates: 0, spare: false })
  undo.push(() => platform.dispose())
  const { limits, snapshots } = await platform.env.SANDBOX.probe()
  const load = loadavg()[0] ?? 0
  console.log(`load ${figure(load)}; limits ${JSON.stringify(limits)}; snapshots as ${snapshots}`)
  const skipped: Record<string, string> = {}
  const contenders = await startAll(platform, { folder, only, skipped })
  const held = contenders.filter(({ name }) => name !== "docker-run" && name !== "srt")
  const rounds = isQuick ? 5 : 20
  const results: SandboxResults = {
    commit: describeCommit(here),
    command: `npm run bench -- sandboxes ${process.argv.slice(2).join(" ")}`.trim(),
    date: new Date().toISOString(),
    load,
    skipped,
    start: await startTimes(contenders, rounds),
    exec: await execTimes(
      contenders.filter(({ name }) => name !== "docker-run"),
      isQuick ? 20 : 100,
    ),
    atOnce: await atOnce(held, isQuick ? 10 : 50),
    memory: await memory(held, isQuick ? 5 : 20),
    diskMebibytesPerSecond: await diskRates(held),
    files: await ownFiles(platform),
    egress: await egressOf(platform, { isQuick, skipped }),
    copies: await copies(platform),
  }
  const goals = goalsOf(results)
  const rows = goals.map(({ name, goal, measured, isMet }) => [name, goal, measured, isMet === undefined ? "-" : isMet ? "met" : "NOT MET"]) // oxfmt-ignore
  console.log(`\n${table(["goal", "wanted", "measured", ""], rows)}`)
  save({ ...results, goals }, json)
}

async function startAll(
  platform: Platform,
  { folder, only, skipped }: { folder: string; only: readonly string[]; skipped: Record<string, string> },
): Promise<readonly SandboxContender[]> {
  const started: SandboxContender[] = [mayflyContender(platform)]
  const rootfs = join(folder, "rootfs")
  await makeRootfs(rootfs)
  let docker: Docker | undefined
  const start: Readonly<Record<string, readonly StartContender[]>> = {
    docker: [
      async () => {
        docker = await startDocker(folder, rootfs)
        undo.push(() => docker?.close())
        console.log(`Docker ${docker.version}`)
        return dockerRun(docker)
      },
      async () => dockerCommands(there(docker)),
      async () => dockerApi(there(docker)),
    ],
    runc: [() => runcContender(folder, rootfs)],
    podman: [() => podmanContender(folder, rootfs)],
    srt: [srtContender],
  }
  for (const [name, starters] of Object.entries(start).filter(([name]) => only.includes(name))) {
    try {
      for (const starter of starters) {
        const contender = await starter()
        undo.push(() => contender.close())
        started.push(contender)
      }
    } catch (error) {
      skipped[name] = (error as Error).message
      console.log(`left out: ${name}: ${skipped[name]}`)
    }
  }
  return started
}

function there(docker: Docker | undefined): Docker {
  if (docker === undefined) throw new Error("no Docker daemon runs here")
  return docker
}

/** From nothing to the end of a first command; in turn, so that a busy moment hits all. */
async function startTimes(contenders: readonly SandboxContender[], rounds: number): Promise<Record<string, Spread>> {
  const times = new Map<string, number[]>(contenders.map(({ name }) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    for (const contender of contenders) {
      const begin = performance.now()
      const box = await contender.create()
      times.get(contender.name)?.push(performance.now() - begin)
      await box.destroy()
    }
  }
  return shown("create and first command", contenders, times)
}

async function execTimes(contenders: readonly SandboxContender[], count: number): Promise<Record<string, Spread>> {
  const times = new Map<string, number[]>(contenders.map(({ name }) => [name, []]))
  const boxes: [string, Box][] = []
  for (const contender of contenders) boxes.push([contender.name, await contender.create()])
  for (let round = 0; round < count; round++) {
    for (const [name, box] of boxes) {
      // Those that take long are not asked as often.
      if (name !== "mayfly" && round % 5 !== 0) continue
      const begin = performance.now()
      await box.exec?.(["true"])
      times.get(name)?.push(performance.now() - begin)
    }
  }
  for (const [, box] of boxes) await box.destroy()
  return shown("one more command", contenders, times)
}

function shown(
  title: string,
  contenders: readonly SandboxContender[],
  times: ReadonlyMap<string, readonly number[]>,
): Record<string, Spread> {
  const spreads = contenders.map(({ name }): [string, Spread] => {
    const values = times.get(name) ?? []
    return [name, { p50Ms: median(values), p99Ms: percentile(values, 99), count: values.length }]
  })
  const own = spreads[0]?.[1].p50Ms
  const rows = contenders.map(({ title: who }, index) => {
    const spread = spreads[index]?.[1]
    return [who, figure(spread?.p50Ms), figure(spread?.p99Ms), ratio(spread?.p50Ms, own)]
  })
  console.log(`\n${table([title, "p50 ms", "p99 ms", "to Mayfly"], rows)}`)
  return Object.fromEntries(spreads)
}

async function atOnce(contenders: readonly SandboxContender[], count: number): Promise<Record<string, number>> {
  const found: Record<string, number> = {}
  for (const { name, create } of contenders) {
    const begin = performance.now()
    const boxes = await Promise.allSettled(Array.from({ length: count }, create))
    const tookMs = performance.now() - begin
    const made = boxes.flatMap((box) => (box.status === "fulfilled" ? [box.value] : []))
    await Promise.all(made.map((box) => box.destroy()))
    if (made.length === count) found[name] = tookMs
    else console.log(`${name}: ${count - made.length} of ${count} at once failed`)
  }
  const rows = contenders.map(({ name, title }) => [title, figure(found[name]), ratio(found[name], found["mayfly"])])
  console.log(`\n${table([`${count} at once, all with their first command`, "ms", "to Mayfly"], rows)}`)
  return found
}

async function memory(contenders: readonly SandboxContender[], count: number): Promise<Record<string, number>> {
  const found: Record<string, number> = {}
  for (const { name, create } of contenders) {
    const boxes: Box[] = []
    for (let made = 0; made < count; made++) boxes.push(await create())
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    const pids = (await Promise.all(boxes.map(async (box) => (await box.pids?.()) ?? []))).flat()
    const bytes = pssBytes([...new Set(pids)])
    if (bytes !== undefined && pids.length > 0) found[name] = bytes / count
    for (const box of boxes) await box.destroy()
  }
  const rows = contenders
    .filter(({ name }) => found[name] !== undefined)
    .map(({ name, title }) => [title, figure((found[name] ?? 0) / 1e6), ratio(found[name], found["mayfly"])])
  console.log(`\n${table([`one of ${count} idle ones (PSS, without shared daemons)`, "MB", "to Mayfly"], rows)}`)
  return found
}

async function diskRates(contenders: readonly SandboxContender[]): Promise<Record<string, number>> {
  const found: Record<string, number> = {}
  const mebibytes = 128
  for (const { name, create } of contenders) {
    const box = await create()
    const command = ["dd", "if=/dev/zero", `of=${name === "runc" ? "/dev/shm" : "/workspace"}/file`, "bs=1M", `count=${mebibytes}`, "conv=fsync"] // oxfmt-ignore
    try {
      const begin = performance.now()
      await box.exec?.(command)
      // A bundle of runc is read-only here; what it writes to is memory.
      if (name !== "runc") found[name] = mebibytes / ((performance.now() - begin) / 1_000)
    } catch (error) {
      console.log(`${name}: ${(error as Error).message}`)
    }
    await box.destroy()
  }
  const rows = contenders.filter(({ name }) => found[name] !== undefined).map(({ name, title }) => [title, figure(found[name]), ratio(found[name], found["mayfly"])]) // oxfmt-ignore
  console.log(`\n${table([`dd of ${mebibytes} MiB with fsync, inside`, "MiB/s", "to Mayfly"], rows)}`)
  return found
}

async function ownFiles(platform: Platform): Promise<SandboxResults["files"]> {
  const sandbox = await Sandbox.create({ platform })
  const bytes = new Uint8Array(64 << 20)
  const rate = async (size: number, work: () => Promise<unknown>): Promise<number> => {
    const begin = performance.now()
    await work()
    return size / (1 << 20) / ((performance.now() - begin) / 1_000)
  }
  await sandbox.exec("true")
  const files = {
    writeMebibytesPerSecond: await rate(bytes.length, () => sandbox.files.write("large", bytes)),
    readMebibytesPerSecond: await rate(bytes.length, () => sandbox.files.read("large")),
    outputMebibytesPerSecond: await rate(256 << 20, () =>
      sandbox.exec("head -c 256M /dev/zero", { maxOutputBytes: 1 }),
    ),
  }
  await sandbox.destroy()
  console.log(`\nfiles.write ${figure(files.writeMebibytesPerSecond)} MiB/s, files.read ${figure(files.readMebibytesPerSecond)}, output of a command ${figure(files.outputMebibytesPerSecond)}`) // oxfmt-ignore
  return files
}

async function egressOf(
  platform: Platform,
  { isQuick, skipped }: { isQuick: boolean; skipped: Record<string, string> },
): Promise<EgressRates | undefined> {
  try {
    const rates = await egressRates(platform, isQuick ? 3 : 7, isQuick ? 256 : 512)
    const rows = Object.entries(rates).map(([name, rate]) => [name, figure(rate), ratio(rate, rates.plainProxy)])
    console.log(`\n${table(["one download by curl", "MiB/s", "to a plain proxy"], rows)}`)
    return rates
  } catch (error) {
    skipped["egress"] = (error as Error).message
    console.log(`left out: egress: ${skipped["egress"]}`)
    return undefined
  }
}

async function copies(platform: Platform): Promise<SandboxResults["copies"]> {
  const origin = await Sandbox.create({ platform })
  await origin.exec(makeTree)
  const times: Record<string, number[]> = { snapshot: [], fork: [], forkAndExec: [], restoreAndExec: [] }
  const timed = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    const begin = performance.now()
    const made = await work()
    times[name]?.push(performance.now() - begin)
    return made
  }
  for (let round = 0; round < 3; round++) {
    const { id } = await timed("snapshot", () => origin.snapshot())
    const restored = await timed("restoreAndExec", async () => {
      const made = await Sandbox.create({ platform, from: id })
      await made.exec(["true"])
      return made
    })
    await restored.destroy()
    await platform.env.SANDBOX.removeSnapshot(id)
    await (await timed("fork", () => origin.fork())).destroy()
    const fork = await timed("forkAndExec", async () => {
      const made = await origin.fork()
      await made.exec(["true"])
      return made
    })
    await fork.destroy()
  }
  await origin.destroy()
  const rows = Object.entries(times).map(([name, values]) => [name, figure(median(values))])
  console.log(`\n${table(["100 MB in 10,000 files, of a running sandbox", "ms"], rows)}`)
  return Object.fromEntries(Object.entries(times).map(([name, values]) => [name, median(values)]))
}
