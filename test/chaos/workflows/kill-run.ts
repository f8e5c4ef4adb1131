import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { fileURLToPath } from "node:url"
import { isDeepStrictEqual } from "node:util"

export interface KillPlan {
  readonly seed: number
  /** Kills before the process may finish. */
  readonly kills: number
  readonly instances: number
  /** Of each thousand writes, how many fail before and how many fail after they were done. */
  readonly faults: number
  /** Which way the engine is broken: see mutate.ts. */
  readonly mutation?: string
}

export interface KillReport {
  readonly kills: number
  readonly processes: number
  /** What must not happen, in words. None when all is well. */
  readonly problems: readonly string[]
}

const here = fileURLToPath(new URL(".", import.meta.url))
const expected = [
  {
    a: 1,
    branches: ["x:x!", "y:y!", "z:z!"],
    flaky: 3,
    event: "yes",
    timedOut: "WorkflowTimeoutError",
    kid: "WorkflowTimeoutError",
    outer: ["i", "j"],
    agrees: true,
  },
  "sold out",
  "complete",
]
/** What must be in the journal before a body may run. */
const before: Readonly<Record<string, readonly string[]>> = {
  "do:flaky#1": ["do:a#1", "do:save#1", "do:save#2", "do:save#3"],
  "do:fast#1": ["sleep:nap#1", "sleep:moment#1", "event:approval#1", "event:nothing#1", "child:kid#1"],
  "do:fails#1": ["do:book#1", "do:p#1", "do:q#1", "sleep:nap#1"],
  "rollback:book#1": ["rollback:p#1", "rollback:q#1", "rollback:fails#1"],
}

/**
 * Runs workflows in a process that is killed again and again at a write, then lets it finish. Looks after each death whether a step with a recorded result ran
 * again, whether a body ran before what it depends on was recorded, and at the end whether every output is the right one.
 */
export async function killRun(plan: KillPlan): Promise<KillReport> {
  const folder = mkdtempSync(join(tmpdir(), "mayfly-kill-"))
  try {
    return await new KillRun(plan, folder).run()
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

class KillRun {
  readonly #plan: KillPlan
  readonly #directory: string
  readonly #effects: string
  readonly #problems: string[] = []
  #processes = 0
  #kills = 0
  #recorded = new Set<string>()
  #read = 0

  constructor(plan: KillPlan, folder: string) {
    this.#plan = plan
    this.#directory = join(folder, "data")
    this.#effects = join(folder, "effects")
    writeFileSync(this.#effects, "")
  }

  async run(): Promise<KillReport> {
    const { seed, kills } = this.#plan
    const most = kills * 3 + 5
    for (let round = 0; this.#processes < most; round++) {
      const chance = mixed(seed + round * 7_919)
      const at = this.#kills < kills ? 1 + (chance % 40) : 0
      const when = (["before", "sent", "after"] as const)[(chance >>> 8) % 3] ?? "after"
      const output = await this.#process({ seed: seed + round, at, when })
      this.#look()
      if (output === null) continue
      this.#compare(output)
      return this.#report()
    }
    this.#problems.push(`not done after ${most} processes`)
    return this.#report()
  }

  #report(): KillReport {
    return { kills: this.#kills, processes: this.#processes, problems: this.#problems }
  }

  /** What it says, or null when it was killed. */
  async #process(more: { seed: number; at: number; when: string }): Promise<string | null> {
    this.#processes++
    const { instances, faults, mutation } = this.#plan
    const argument = JSON.stringify({
      directory: this.#directory,
      effects: this.#effects,
      instances,
      faults,
      ...more,
    })
    const flags = mutation === undefined ? [] : ["--import", join(here, "mutate.ts")]
    const child = spawn(
      process.execPath,
      ["--conditions=source", "--disable-warning=ExperimentalWarning", ...flags, join(here, "program.ts"), argument],
      { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, MAYFLY_MUTATION: mutation ?? "" } },
    )
    let output = ""
    let errors = ""
    child.stdout.on("data", (text: Buffer) => (output += text.toString()))
    child.stderr.on("data", (text: Buffer) => (errors += text.toString()))
    // An engine that is broken may wait for ever.
    const timer = setTimeout(() => child.kill("SIGTERM"), 25_000)
    const [code, signal] = (await once(child, "close")) as [number | null, string | null]
    clearTimeout(timer)
    if (signal === "SIGKILL") this.#kills++
    else if (code !== 0) this.#problems.push(`the process ended with ${code ?? signal}: ${errors.slice(0, 500)}`)
    if (signal === "SIGTERM") return ""
    return signal === "SIGKILL" || code !== 0 ? null : output
  }

  /** Effects of the last process beside what was recorded before it began, and after. */
  #look(): void {
    const text = readFileSync(this.#effects, "utf8")
    const lines = text.slice(this.#read).split("\n").filter(Boolean)
    this.#read = text.length
    const again = lines.filter((line) => this.#recorded.has(line.slice(0, line.lastIndexOf(" "))))
    for (const line of again) this.#problems.push(`ran again though its result was recorded: ${line}`)
    const { completed, twice } = this.#journal()
    for (const key of twice) this.#problems.push(`completed twice: ${key}`)
    for (const line of lines) {
      const [id = "", ...rest] = line.split(" ")
      const key = rest.slice(0, -1).join(" ")
      for (const needed of before[key] ?? []) {
        if (!completed.has(`${id} ${needed}`)) this.#problems.push(`${line} ran before ${needed} was recorded`)
      }
    }
    for (const key of this.#recorded) if (!completed.has(key)) this.#problems.push(`lost: ${key}`)
    this.#recorded = completed
  }

  #journal(): { completed: Set<string>; twice: string[] } {
    const completed = new Set<string>()
    const twice: string[] = []
    const path = join(this.#directory, "mayfly.db")
    if (!existsSync(path)) return { completed, twice }
    const database = new DatabaseSync(path)
    try {
      const rows = database
        .prepare(
          "SELECT i.id, j.key FROM workflows_journal j JOIN workflows_instances i ON i.number = j.instance WHERE j.phase IN ('ok', 'err')",
        )
        .all() as { id: string; key: string }[]
      for (const { id, key } of rows) {
        if (completed.has(`${id} ${key}`)) twice.push(`${id} ${key}`)
        completed.add(`${id} ${key}`)
      }
    } catch (error) {
      // Killed before the tables were there.
      if (!String(error).includes("no such table")) throw error
    } finally {
      database.close()
    }
    return { completed, twice }
  }

  #compare(output: string): void {
    if (output === "") return
    const { outputs } = JSON.parse(output) as { outputs: unknown[] }
    for (const [index, one] of outputs.entries()) {
      if (!isDeepStrictEqual(one, expected)) this.#problems.push(`instance ${index} gave ${JSON.stringify(one)}`)
    }
  }
}

function mixed(seed: number): number {
  let value = (seed + 0x9e3779b9) >>> 0
  value = Math.imul(value ^ (value >>> 16), 0x21f0aaad)
  value = Math.imul(value ^ (value >>> 15), 0x735a2d97)
  return (value ^ (value >>> 15)) >>> 0
}
