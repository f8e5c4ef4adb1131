import { availableParallelism, cpus, loadavg } from "node:os"
import { jsonLine } from "@mayfly/protocol"
import { type Contender, contenders } from "./bench-contenders.ts"
import { exitCodes, invalid, reportFailure } from "./command-error.ts"
import { listenForInterrupts } from "./interrupts.ts"
import type { Output } from "./output.ts"
import { printTable } from "./print-table.ts"
import { cpuMsOf, processTree } from "./process-tree.ts"
import { whileSpinning } from "./spinner.ts"

export interface BenchFlags {
  readonly seconds?: string
  readonly clients?: string
  readonly json?: boolean
}

/** What was measured of one contender. */
export interface BenchRow {
  readonly name: string
  /** One run after the other. */
  readonly p50Ms: number
  /** With all clients at work. */
  readonly runsPerSecond: number
  /** Of this process and all below it; null where there is no /proc. */
  readonly cpuMsPerRun: number | null
}

const warmUps = 5

/** `mayfly bench`: how fast programs run on this machine. Gives the exit code; never rejects. */
export async function benchCommand(flags: BenchFlags, output: Output): Promise<number> {
  using interrupts = listenForInterrupts()
  const { signal } = interrupts
  try {
    const ms = 1_000 * wholeNumber("--seconds", flags.seconds ?? "2", 60)
    const clients = wholeNumber("--clients", flags.clients ?? "16", 256)
    const machine = machineNow()
    const rows: BenchRow[] = []
    for (const start of contenders) {
      await using contender = await start()
      rows.push(await whileSpinning(`measuring ${contender.name}`, output, () => measure(contender, { ms, clients, signal }))) // oxfmt-ignore
    }
    if (flags.json === true) output.stdout.write(jsonLine({ machine, clients, rows }))
    else print(rows, machine, output)
    return exitCodes.ok
  } catch (error) {
    return interrupts.exitCode ?? reportFailure(error, flags, output)
  }
}

interface Effort {
  readonly ms: number
  readonly clients: number
  readonly signal: AbortSignal
}

async function measure(contender: Contender, { ms, clients, signal }: Effort): Promise<BenchRow> {
  for (let count = 0; count < warmUps; count++) await contender.run()
  const alone = await loop(contender, ms, signal)
  const [before, begun] = [cpuMs(), performance.now()]
  const all = await Promise.all(Array.from({ length: clients }, () => loop(contender, ms, signal)))
  const [after, tookMs] = [cpuMs(), performance.now() - begun]
  const runs = all.reduce((sum, times) => sum + times.length, 0)
  const p50Ms = alone.toSorted((one, other) => one - other)[alone.length >> 1] ?? Number.NaN
  const cpuMsPerRun = before === undefined || after === undefined ? null : rounded((after - before) / runs)
  return {
    name: contender.name,
    p50Ms: rounded(p50Ms),
    runsPerSecond: rounded((1_000 * runs) / tookMs),
    cpuMsPerRun,
  }
}

/** Milliseconds of each run: one at least. */
async function loop(contender: Contender, ms: number, signal: AbortSignal): Promise<number[]> {
  const times: number[] = []
  const end = performance.now() + ms
  for (let begun = performance.now(); times.length === 0 || begun < end; begun = performance.now()) {
    signal.throwIfAborted()
    await contender.run()
    times.push(performance.now() - begun)
  }
  return times
}

/** Ended processes count with the one that waited for them. */
function cpuMs(): number | undefined {
  const tree = processTree(process.pid)
  return tree.length === 0 ? undefined : tree.reduce((sum, pid) => sum + cpuMsOf(pid).withChildren, 0)
}

interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly node: string
  /** What else was at work when it began. */
  readonly load: number
}

function machineNow(): Machine {
  const [load = 0] = loadavg()
  return {
    cpu: cpus()[0]?.model ?? "unknown",
    cores: availableParallelism(),
    node: process.version,
    load: rounded(load),
  }
}

function print(rows: readonly BenchRow[], { cpu, cores, node, load }: Machine, output: Output): void {
  const [first] = rows
  printTable(
    ["one run from scratch", "p50", "runs/s", "CPU per run", "beside mayfly"],
    rows.map(({ name, p50Ms, runsPerSecond, cpuMsPerRun }) => [
      name,
      `${p50Ms} ms`,
      `${runsPerSecond}`,
      cpuMsPerRun === null ? "unknown" : `${cpuMsPerRun} ms`,
      `${rounded(runsPerSecond / (first?.runsPerSecond ?? 1))} times`,
    ]),
    output,
  )
  output.stderr.write(`${cpu}, ${cores} cores, Node ${node}\n`)
  if (load > cores / 2)
    output.stderr.write(`note: the load was ${load} before it began; figures of a busy machine say little\n`)
}

function rounded(value: number): number {
  return Number(value.toPrecision(3))
}

function wholeNumber(option: string, text: string, most: number): number {
  const value = Number(text)
  if (/^\d{1,4}$/.test(text) && value >= 1 && value <= most) return value
  throw invalid(option, `must be a whole number from 1 to ${most}, not "${text}"`)
}
