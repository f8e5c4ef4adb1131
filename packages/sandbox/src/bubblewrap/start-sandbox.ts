import { type ChildProcess, spawn } from "node:child_process"
import { readFileSync } from "node:fs"
import type { Duplex } from "node:stream"
import { resultOf } from "../agent-answer.ts"
import { AgentSandbox } from "../agent-sandbox.ts"
import { errorOfEnd } from "../error-of-end.ts"
import { holdChild } from "../hold-child.ts"
import { SupervisorLink } from "../link/supervisor-link.ts"
import type { PreparedNetwork, SandboxEnd, SandboxSpec, SandboxUsage } from "../sandbox-provider.ts"
import { didNotStart, unavailable } from "../unavailable.ts"
import { watchRunning } from "../watch-running.ts"
import {
  agentCommand,
  bubblewrapArguments,
  descriptors,
  type ProfileOptions,
  type ProfilePaths,
} from "./bubblewrap-profile.ts"
import { missingConfinement } from "./check-confinement.ts"
import { diskUsage } from "./disk-watchdog.ts"
import { findProgram } from "./find-program.ts"
import type { HostPrograms } from "./host-programs.ts"
import { giveFiles, prepareStage } from "./stage.ts"
import { launchScript } from "./launch-script.ts"
import { memoryBelow, watchMemory } from "./memory-watchdog.ts"
import { processesOfOurs, type ResourceGroup } from "./resource-group.ts"

const mebibyte = 1_048_576
const startMs = 30_000
const maxComplaint = 8_192

/** Where a sandbox's files are. */
export interface SandboxPlace {
  /** A disk image, or undefined where files lie in a folder. */
  readonly image: string | undefined
  readonly files: string
  readonly etc: string
  /** A folder of its own for files that it is given, read-only. */
  readonly given: string
  /** A file of its own for what is mounted when it starts. */
  readonly mounts: string
  /** The kernel's user, undefined when it is that of this process. */
  readonly user: number | undefined
  /** A folder in which the mounts of one sandbox are made, seen by it alone. */
  readonly stage: string
}

export interface StartOptions {
  readonly spec: SandboxSpec
  readonly programs: HostPrograms
  readonly place: SandboxPlace
  readonly group: ResourceGroup | undefined
  readonly limitsMemory: boolean
  readonly network: PreparedNetwork | undefined
}

/** Starts bubblewrap and the agent in it. On throw nothing of it runs. */
export async function startSandbox(options: StartOptions): Promise<BubblewrapSandbox> {
  const { place, programs, network } = options
  await giveFiles(place.given, network?.files ?? {})
  if (place.user !== undefined) await prepareStage(place, programs)
  const running = new Running(options)
  try {
    await running.ready()
    return new BubblewrapSandbox(running)
  } catch (error) {
    await running.stop({ reason: "stopped" })
    throw error
  }
}

/** One that the provider can take a snapshot of while it runs. */
export class BubblewrapSandbox extends AgentSandbox {
  /** The process in whose mount namespace the files are mounted. */
  readonly outerPid: number

  constructor(running: Running) {
    super(running)
    this.outerPid = running.outerPid
  }
}

class Running {
  readonly link: SupervisorLink
  readonly ended: Promise<SandboxEnd>
  readonly #options: StartOptions
  readonly #child: ChildProcess
  readonly #gone: Promise<void>
  readonly #timers: (() => void)[] = []
  #end: SandboxEnd | undefined
  #complaint = ""

  constructor(options: StartOptions) {
    this.#options = options
    this.#child = launch(options)
    this.#gone = new Promise((resolve) => {
      this.#child.once("error", (error) => {
        this.#complaint = error.message
        resolve()
      })
      this.#child.once("exit", () => resolve())
    })
    this.#child.stderr?.on("data", (chunk: Buffer) => {
      this.#complaint = (this.#complaint + chunk.toString("utf8")).slice(-maxComplaint)
    })
    this.#child.stdout?.resume()
    const stream = this.#child.stdio[descriptors.link] as Duplex
    this.link = new SupervisorLink(stream, (reason) => void this.stop({ reason: "crashed", detail: reason }))
    this.ended = this.#gone.then(() => this.#settle())
  }

  get outerPid(): number {
    return this.#child.pid ?? 0
  }

  /** Waits for the agent and the network, which take their time side by side. */
  async ready(): Promise<void> {
    await Promise.all([this.#agentReady(), this.#options.network?.ready])
    this.#watch()
  }

  /** Waits for the agent's first answer, then looks at the sandbox from outside. */
  async #agentReady(): Promise<void> {
    const late = setTimeout(() => void this.stop({ reason: "crashed", detail: "it did not start in time" }), startMs)
    try {
      resultOf(await this.link.open({ op: "ping" }).closed)
    } catch {
      await this.ended
      throw didNotStart(this.#complaint)
    } finally {
      clearTimeout(late)
    }
    const looked = this.#innerPids()
      .map((pid) => missingConfinement(pid))
      .filter((found) => found !== null)
    // The first process and the agent. What made its pipes may just have ended.
    const missing = looked.length < 2 ? ["processes that can be looked at"] : looked.flat()
    if (missing.length > 0) throw unavailable(`the sandbox lacks ${[...new Set(missing)].join(", ")}`)
  }

  async usage(): Promise<SandboxUsage> {
    const { group, place, spec } = this.#options
    const seen = group?.usage() ?? { memoryBytes: null, cpuMs: null, processes: null }
    const looked = seen.memoryBytes === null || seen.processes === null ? memoryBelow(this.outerPid) : undefined
    const diskBytes = place.image === undefined ? await diskUsage(place.files) : await imageUsage(place.image, spec)
    return {
      memoryBytes: seen.memoryBytes ?? looked?.memoryBytes ?? null,
      cpuMs: seen.cpuMs,
      processes: seen.processes ?? looked?.processes ?? null,
      diskBytes,
    }
  }

  hold(isHeld: boolean): void {
    holdChild(this.#child, isHeld)
  }

  /** The first process of the namespace goes, and the kernel ends all others with it before it is gone. */
  async stop(end: SandboxEnd = { reason: "stopped" }): Promise<void> {
    this.#end ??= end
    for (const dispose of this.#timers.splice(0)) dispose()
    const inner = childrenOf(this.outerPid)
    for (const pid of inner) kill(pid)
    if (inner.length === 0) this.#child.kill("SIGKILL")
    const stuck = setTimeout(() => this.#child.kill("SIGKILL"), 5_000)
    await this.#gone
    clearTimeout(stuck)
    await this.ended
  }

  async #settle(): Promise<SandboxEnd> {
    for (const dispose of this.#timers.splice(0)) dispose()
    const { group, spec } = this.#options
    const wasMemory = this.#end?.reason !== "stopped" && (group?.memoryKills() ?? 0) > 0
    group?.kill()
    await group?.remove()
    const end: SandboxEnd = wasMemory
      ? { reason: "limit", limit: "memoryMb", detail: `it used more than ${spec.limits.memoryMb} MiB` }
      : (this.#end ?? { reason: "crashed", detail: this.#complaint.trim() || "its first process ended" })
    this.link.fail(errorOfEnd(end))
    return end
  }

  #watch(): void {
    const { spec, place, limitsMemory } = this.#options
    const { memoryMb } = spec.limits
    const files = place.image === undefined ? place.files : undefined
    const stop = (end: SandboxEnd): Promise<void> => this.stop(end)
    this.#timers.push(...watchRunning(this.link, { limits: spec.limits, files, stop }))
    if (!limitsMemory) return
    const onExceeded = (bytes: number): void =>
      void this.stop({ reason: "limit", limit: "memoryMb", detail: `its processes held ${bytes} bytes` })
    this.#timers.push(watchMemory(this.outerPid, { memoryBytes: memoryMb * mebibyte, onExceeded }))
  }

  #innerPids(): number[] {
    const first = childrenOf(this.outerPid)
    return [...first, ...first.flatMap(childrenOf)]
  }
}

function launch(options: StartOptions): ChildProcess {
  const { programs } = options
  const profile = profileOf(options)
  const wrap = wrapperOf(options)
  const argv = [...wrap, programs.bash, "--norc", "--noprofile", "-c", launchScript, "mayfly", ...agentCommand(profile)]
  const child = spawn(argv[0] ?? "", argv.slice(1), {
    cwd: "/",
    env: launchEnvironment(options),
    stdio: ["ignore", "pipe", "pipe", "pipe", "pipe", "pipe"],
  })
  const give = (fd: number, bytes: Uint8Array): void => {
    const pipe = (child.stdio as readonly unknown[])[fd] as Duplex
    pipe.on("error", () => {})
    pipe.resume()
    pipe.end(bytes)
  }
  give(
    descriptors.arguments,
    Buffer.from(
      bubblewrapArguments(profile)
        .map((word) => `${word}\0`)
        .join(""),
    ),
  )
  give(descriptors.filter, programs.filter)
  return child
}

/** A network that was made before belongs to this process, or to a user namespace around bubblewrap's: guests have no rights in it. */
function wrapperOf({ place, network }: StartOptions): string[] {
  const [enter = "", ...into] = network?.enter ?? []
  const entering = network === undefined ? [] : [findProgram(enter) ?? enter, ...into]
  if (place.user === undefined) return entering
  return [...entering, findProgram("unshare") ?? "unshare", "--mount", "--propagation", "private", "--"]
}

/** The whole environment of what starts a sandbox; none of it reaches the guest. */
function launchEnvironment({ programs, place, group }: StartOptions): Record<string, string> {
  return {
    PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
    MAYFLY_GROUPS: group?.taskFiles.join("\n") ?? "",
    MAYFLY_BWRAP: programs.bwrap,
    ...(place.user === undefined
      ? {}
      : {
          MAYFLY_STAGE: place.stage,
          MAYFLY_USER: String(place.user),
          MAYFLY_MOUNTS: place.mounts,
          MAYFLY_OWN_NULL: programs.hasUsableNull ? "" : "1",
        }),
  }
}

function profileOf(options: StartOptions): ProfileOptions {
  const { spec, place, programs } = options
  const { limits } = spec
  return {
    paths: place.user === undefined ? pathsOf(place, programs) : stagedPaths(place.stage, programs.hasUsableNull),
    environment: {
      PATH: "/usr/local/bin:/usr/bin:/bin:/.mayfly/bin",
      HOME: "/home/user",
      USER: "user",
      LOGNAME: "user",
      LANG: "C.UTF-8",
      TERM: "dumb",
      MAYFLY_LINK: String(descriptors.link),
      MALLOC_ARENA_MAX: "1",
      UV_THREADPOOL_SIZE: "2",
    },
    tmpBytes: Math.min(256, Math.floor(limits.memoryMb / 2)) * mebibyte,
    maxProcesses: limits.processes + processesOfOurs,
    maxFileBytes: place.image === undefined ? limits.diskMb * mebibyte : null,
    hostname: "sandbox",
    hasNetwork: options.network !== undefined,
    given: Object.keys(options.network?.files ?? {}),
  }
}

function pathsOf(place: SandboxPlace, programs: HostPrograms): ProfilePaths {
  const { files, etc } = place
  return {
    home: `${files}/home`,
    workspace: `${files}/workspace`,
    etc,
    given: place.given,
    agent: programs.agent,
    node: programs.node,
    null: undefined,
  }
}

function stagedPaths(stage: string, hasUsableNull: boolean): ProfilePaths {
  return {
    home: `${stage}/files/home`,
    workspace: `${stage}/files/workspace`,
    etc: `${stage}/etc`,
    given: `${stage}/given`,
    agent: `${stage}/agent`,
    node: `${stage}/node`,
    null: hasUsableNull ? undefined : `${stage}/own/null`,
  }
}

async function imageUsage(image: string, { limits }: SandboxSpec): Promise<number | null> {
  const used = await diskUsage(image)
  return used === null ? null : Math.min(used, limits.diskMb * mebibyte)
}

function childrenOf(pid: number): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim()
    return text === "" ? [] : text.split(" ").map(Number)
  } catch {
    return []
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL")
  } catch {
    // It has ended.
  }
}
