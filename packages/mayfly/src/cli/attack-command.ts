import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { createPlatform, DynamicWorker, type Platform, type Run } from "@mayfly/platform"
import { jsonLine } from "@mayfly/protocol"
import { type Attack, attacks } from "./attack-programs.ts"
import { exitCodes, reportFailure } from "./command-error.ts"
import { listenForInterrupts } from "./interrupts.ts"
import { type Output, paint } from "./output.ts"
import { printTable } from "./print-table.ts"
import { whileSpinning } from "./spinner.ts"

export interface AttackFlags {
  readonly json?: boolean
}

interface Verdict {
  readonly name: string
  readonly held: boolean
  /** How it ended, or what went wrong. */
  readonly detail: string
}

/** Short, so that the whole takes a minute: how long a limit is changes nothing in what holds it. */
const limits = { cpuMs: 500, wallMs: 5_000, memoryMb: 64 }

/** `mayfly attack`: hostile programs against what holds programs here. Gives the exit code; never rejects. */
export async function attackCommand(flags: AttackFlags, output: Output): Promise<number> {
  using interrupts = listenForInterrupts()
  try {
    await using target = await openTarget()
    await using platform = await createPlatform()
    const verdicts: Verdict[] = []
    for (const attack of attacks) {
      interrupts.signal.throwIfAborted()
      const work = (): Promise<Verdict> => judged(attack, { platform, target, signal: interrupts.signal })
      verdicts.push(await whileSpinning(attack.name, output, work))
    }
    interrupts.signal.throwIfAborted()
    const held = verdicts.every((verdict) => verdict.held)
    if (flags.json === true) output.stdout.write(jsonLine({ ok: held, attacks: verdicts }))
    else print(verdicts, output)
    return held ? exitCodes.ok : exitCodes.failed
  } catch (error) {
    return interrupts.exitCode ?? reportFailure(error, flags, output)
  }
}

interface Target extends AsyncDisposable {
  readonly port: number
  /** Whether somebody was here. */
  wasReached(): boolean
}

async function openTarget(): Promise<Target> {
  let isReached = false
  const server = createServer((_, response) => response.end()).on("connection", () => (isReached = true))
  await new Promise<void>((listening) => server.listen(0, listening))
  return {
    port: (server.address() as AddressInfo).port,
    wasReached: () => isReached,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((closed) => server.close(closed))
    },
  }
}

interface Field {
  readonly platform: Platform
  readonly target: Target
  readonly signal: AbortSignal
}

/** Twice: what the first run leaves behind must not be there for the second. All public addresses are allowed, so that only the rule for private ones holds. */
async function judged(attack: Attack, { platform, target, signal }: Field): Promise<Verdict> {
  const { name, script } = attack
  const options = { script, platform, limits, tenant: "attacker", network: { defaultPolicy: "allow" } } as const
  await using worker = await DynamicWorker.create({ ...options, env: { give: () => 1 } })
  await using beside = await DynamicWorker.create({ script: "input + 1", platform, tenant: "neighbour" })
  for (let round = 0; round < 2; round++) {
    const [run, neighbour] = await Promise.all([
      worker.execute({ port: target.port }, { signal }),
      beside.execute(1, { signal }),
    ])
    const problem = problemOf(attack, run)
    if (problem !== undefined) return { name, held: false, detail: problem }
    if (target.wasReached()) return { name, held: false, detail: "a server of this machine was reached" }
    if (!neighbour.ok) return { name, held: false, detail: `a run beside it failed: ${neighbour.error.message}` }
    if (round === 1) return { name, held: true, detail: run.ok ? "nothing to be had" : run.error.code }
  }
  return { name, held: true, detail: "" }
}

/** The last one: the process that held it gave way, and nothing but it. */
const limitCodes: ReadonlySet<string> = new Set([
  "worker.cpu-limit",
  "worker.log-limit",
  "worker.memory-limit",
  "worker.output-limit",
  "worker.wall-limit",
  "worker.host-crashed",
])
const refusals: ReadonlySet<string> = new Set(["mesh.denied", "worker.guest", "worker.module-not-found"])

function problemOf({ isGreedy }: Attack, run: Run): string | undefined {
  if (run.ok) return isGreedy !== true && run.result === "held" ? undefined : `gave ${String(run.result).slice(0, 200)}`
  const { code, message } = run.error
  return (isGreedy === true ? limitCodes : refusals).has(code) ? undefined : `${code}: ${message}`
}

function print(verdicts: readonly Verdict[], output: Output): void {
  const rows = verdicts.map(({ name, held, detail }) => {
    const word = held ? "held" : "NOT HELD"
    return [{ text: word, style: held ? "green" : "red" } as const, name, detail]
  })
  printTable(["verdict", "attack", "how it ended"], rows, output)
  const broken = verdicts.filter(({ held }) => !held).length
  const text = broken === 0 ? `all ${verdicts.length} held` : `${broken} of ${verdicts.length} did not hold`
  output.stderr.write(`${paint(output, "stderr", broken === 0 ? "green" : "red", text)}\n`)
}
