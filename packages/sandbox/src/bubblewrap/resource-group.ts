import { mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import type { SandboxLimits } from "@mayfly/protocol"
import type { CgroupPlaces } from "./cgroup-places.ts"

const mebibyte = 1_048_576
/** The agent, bubblewrap and the threads of the agent's engine. */
export const processesOfOurs = 32
const removeTries = 100
const removePauseMs = 20

export interface GroupUsage {
  readonly memoryBytes: number | null
  readonly cpuMs: number | null
  readonly processes: number | null
}

/** The kernel's limits on one sandbox. */
export class ResourceGroup {
  readonly #places: CgroupPlaces
  readonly #name: string

  /** Makes the groups and sets their limits. On throw nothing is left. */
  constructor(places: CgroupPlaces, name: string, limits: SandboxLimits) {
    this.#places = places
    this.#name = name
    try {
      for (const folder of this.#folders()) mkdirSync(folder, { recursive: true })
      for (const [file, value] of this.#settings(limits)) writeFileSync(file, value)
      this.#withoutSwap(limits)
    } catch (error) {
      for (const folder of this.#folders()) removeGroup(folder)
      throw error
    }
  }

  /** Files to which a process writes its number to come under the limits. */
  get taskFiles(): readonly string[] {
    return this.#folders().map((folder) => join(folder, "cgroup.procs"))
  }

  usage(): GroupUsage {
    const { version, memory, cpu, pids } = this.#places
    const memoryFile = version === 1 ? "memory.usage_in_bytes" : "memory.current"
    const cpuUsec = /usage_usec (\d+)/.exec(this.#read(cpu, "cpu.stat"))?.[1]
    return {
      memoryBytes: numberIn(this.#read(memory, memoryFile)),
      cpuMs: version === 2 && cpuUsec !== undefined ? Number(cpuUsec) / 1_000 : null,
      processes: numberIn(this.#read(pids, "pids.current")),
    }
  }

  /** How many processes the kernel has killed here because memory ran out. */
  memoryKills(): number {
    const file = this.#places.version === 1 ? "memory.oom_control" : "memory.events"
    return Number(/oom_kill (\d+)/.exec(this.#read(this.#places.memory, file))?.[1] ?? 0)
  }

  /** Kills all processes, forks under way too. */
  kill(): void {
    for (const folder of this.#folders()) killGroup(folder)
  }

  /** Waits until the groups are empty and removes them. */
  async remove(): Promise<void> {
    await Promise.all(this.#folders().map(removeWhenEmpty))
  }

  #folders(): string[] {
    const { memory, cpu, pids, unified } = this.#places
    const parents = new Set([memory, cpu, pids, unified].filter((parent) => parent !== undefined))
    return [...parents].map((parent) => join(parent, this.#name))
  }

  #settings(limits: SandboxLimits): [string, string][] {
    const { version, memory, cpu, pids } = this.#places
    const settings: [string, string][] = []
    const bytes = String(limits.memoryMb * mebibyte)
    const quota = String(Math.max(1_000, Math.round(limits.cpus * 100_000)))
    const set = (parent: string | undefined, file: string, value: string): void => {
      if (parent !== undefined) settings.push([join(parent, this.#name, file), value])
    }
    set(memory, version === 1 ? "memory.limit_in_bytes" : "memory.max", bytes)
    set(pids, "pids.max", String(limits.processes + processesOfOurs))
    if (version === 1) set(cpu, "cpu.cfs_period_us", "100000")
    if (version === 1) set(cpu, "cpu.cfs_quota_us", quota)
    else set(cpu, "cpu.max", `${quota} 100000`)
    return settings
  }

  /** Some kernels do not count swap; then there is none to be had either. */
  #withoutSwap(limits: SandboxLimits): void {
    const { version, memory } = this.#places
    if (memory === undefined) return
    const folder = join(memory, this.#name)
    if (version === 1) write(join(folder, "memory.memsw.limit_in_bytes"), String(limits.memoryMb * mebibyte))
    else write(join(folder, "memory.swap.max"), "0")
  }

  #read(parent: string | undefined, file: string): string {
    return parent === undefined ? "" : read(join(parent, this.#name, file))
  }
}

/** Removes groups of sandboxes whose supervisor was killed, and what is left of their processes: one that just starts may not have noticed yet. */
export async function removeStaleGroups(places: CgroupPlaces, prefix: string): Promise<void> {
  await Promise.all(
    foldersIn(places, (name) => name.startsWith(prefix)).map((folder) => {
      killGroup(folder)
      return removeWhenEmpty(folder)
    }),
  )
}

/** Removes the groups with these names in which nothing runs. */
export function forgetEmptyGroups(places: CgroupPlaces, isWanted: (name: string) => boolean): void {
  for (const folder of foldersIn(places, isWanted)) removeGroup(folder)
}

function foldersIn({ memory, cpu, pids, unified }: CgroupPlaces, isWanted: (name: string) => boolean): string[] {
  const parents = new Set([memory, cpu, pids, unified].filter((path) => path !== undefined))
  return [...parents].flatMap((parent) =>
    readdirSync(parent)
      .filter(isWanted)
      .map((name) => join(parent, name)),
  )
}

async function removeWhenEmpty(folder: string): Promise<void> {
  for (let tries = 0; tries < removeTries; tries++) {
    if (removeGroup(folder)) return
    killGroup(folder)
    await pause(removePauseMs)
  }
}

/** Where the kernel can't kill a whole group, one by one. */
function killGroup(folder: string): void {
  if (write(join(folder, "cgroup.kill"), "1")) return
  for (const pid of read(join(folder, "cgroup.procs")).split("\n")) if (Number(pid) > 0) killProcess(Number(pid))
}

function killProcess(pid: number): void {
  try {
    process.kill(pid, "SIGKILL")
  } catch {
    // It has ended.
  }
}

function removeGroup(folder: string): boolean {
  try {
    rmdirSync(folder)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOENT"
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return ""
  }
}

function numberIn(text: string): number | null {
  return /^\d+\s*$/.test(text) ? Number(text) : null
}

/** False: gone already, or a file that this kernel does not have. */
function write(path: string, text: string): boolean {
  try {
    writeFileSync(path, text, { flag: "r+" })
    return true
  } catch {
    return false
  }
}
