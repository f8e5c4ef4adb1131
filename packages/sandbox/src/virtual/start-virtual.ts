import { type ChildProcess, spawn } from "node:child_process"
import { existsSync, realpathSync } from "node:fs"
import { dirname, join } from "node:path"
import type { Duplex } from "node:stream"
import { fileURLToPath } from "node:url"
import { objectOf, resultOf, wholeNumber } from "../agent-answer.ts"
import { AgentSandbox } from "../agent-sandbox.ts"
import { diskUsage } from "../bubblewrap/disk-watchdog.ts"
import { errorOfEnd } from "../error-of-end.ts"
import { holdChild } from "../hold-child.ts"
import { SupervisorLink } from "../link/supervisor-link.ts"
import type {
  ProviderProcess,
  ProviderSandbox,
  ProviderStartOptions,
  SandboxEnd,
  SandboxSpec,
  SandboxUsage,
  SpawnRequest,
} from "../sandbox-provider.ts"
import { didNotStart, unavailable } from "../unavailable.ts"
import { memoryExitCode } from "../virtual-agent/memory-exit.ts"
import { watchRunning } from "../watch-running.ts"
import type { JustBash } from "./find-just-bash.ts"
import { processFlags } from "./process-flags.ts"
import { refusingInput } from "./refusing-input.ts"
import { relayRequests } from "./relay-requests.ts"

const startMs = 30_000
const maxComplaint = 4_096
const linkFd = 3

export interface VirtualStartOptions extends ProviderStartOptions {
  readonly spec: SandboxSpec
  readonly library: JustBash
  /** Holds its files. Free of links. */
  readonly root: string
}

/** Starts the process that imitates a shell. On throw nothing of it runs. */
export async function startVirtual(options: VirtualStartOptions): Promise<ProviderSandbox> {
  const running = new Running(options)
  try {
    await running.ready()
    return new VirtualSandbox(running)
  } catch (error) {
    await running.stop()
    throw error
  }
}

class VirtualSandbox extends AgentSandbox {
  /** All of a command's stdin is read before it starts: what comes later would reach nobody. */
  override async spawn(request: SpawnRequest): Promise<ProviderProcess> {
    const process = await super.spawn(request)
    return request.isStdinOpen === true ? refusingInput(process) : process
  }
}

class Running {
  readonly link: SupervisorLink
  readonly ended: Promise<SandboxEnd>
  readonly #options: VirtualStartOptions
  readonly #child: ChildProcess
  readonly #timers: (() => void)[] = []
  #end: SandboxEnd | undefined
  #complaint = ""

  constructor(options: VirtualStartOptions) {
    this.#options = options
    this.#child = launch(options)
    const gone = new Promise<void>((resolve) => {
      this.#child.once("error", (error) => {
        this.#complaint = error.message
        resolve()
      })
      this.#child.once("exit", () => resolve())
    })
    this.#child.stderr?.on("data", (chunk: Buffer) => {
      this.#complaint = (this.#complaint + chunk.toString("utf8")).slice(-maxComplaint)
    })
    const stream = this.#child.stdio[linkFd] as Duplex
    this.link = new SupervisorLink(stream, (reason) => void this.stop({ reason: "crashed", detail: reason }))
    this.ended = gone.then(() => this.#settle())
  }

  async ready(): Promise<void> {
    const late = setTimeout(() => void this.stop({ reason: "crashed", detail: "it did not start in time" }), startMs)
    try {
      resultOf(await this.link.open({ op: "ping" }).closed)
    } catch {
      await this.ended
      throw didNotStart(this.#complaint)
    } finally {
      clearTimeout(late)
    }
    const fetch = await this.#options.onRequests?.()
    if (fetch !== undefined) await relayRequests(this.link, fetch)
    const { spec, root: files } = this.#options
    const stop = (end: SandboxEnd): Promise<void> => this.stop(end)
    this.#timers.push(...watchRunning(this.link, { limits: spec.limits, files, stop }))
  }

  async usage(): Promise<SandboxUsage> {
    // The link may be one that keeps nobody waiting.
    const waiting = setInterval(() => {}, startMs)
    try {
      return await this.#usage()
    } finally {
      clearInterval(waiting)
    }
  }

  async #usage(): Promise<SandboxUsage> {
    const { memoryBytes, commands } = objectOf(resultOf(await this.link.open({ op: "usage" }).closed))
    return {
      memoryBytes: wholeNumber(memoryBytes),
      cpuMs: null,
      processes: wholeNumber(commands),
      diskBytes: await diskUsage(this.#options.root),
    }
  }

  hold(isHeld: boolean): void {
    holdChild(this.#child, isHeld)
  }

  async stop(end: SandboxEnd = { reason: "stopped" }): Promise<void> {
    // How it exited says more than that the link broke.
    if (end.reason !== "crashed") this.#end ??= end
    else setImmediate(() => (this.#end ??= end))
    this.#child.kill("SIGKILL")
    // The process may be one that keeps nobody waiting.
    const waiting = setInterval(() => {}, startMs)
    await this.ended
    clearInterval(waiting)
  }

  #settle(): SandboxEnd {
    for (const dispose of this.#timers.splice(0)) dispose()
    const wasMemory = this.#child.exitCode === memoryExitCode || /out of memory/i.test(this.#complaint)
    const end = wasMemory && this.#end?.reason !== "stopped" ? this.#memoryEnd() : (this.#end ?? this.#crash())
    this.link.fail(errorOfEnd(end))
    return end
  }

  #memoryEnd(): SandboxEnd {
    const { memoryMb } = this.#options.spec.limits
    return { reason: "limit", limit: "memoryMb", detail: `it used more than ${memoryMb} MiB` }
  }

  #crash(): SandboxEnd {
    return { reason: "crashed", detail: this.#complaint.trim().split("\n").at(-1) || "its process ended" }
  }
}

function launch({ spec, library, root }: VirtualStartOptions): ChildProcess {
  const agent = agentFolder()
  const flags = processFlags(root, [agent, library.modules])
  return spawn(
    process.execPath,
    [...flags, join(agent, "agent.mjs"), root, library.url, String(spec.limits.memoryMb)],
    {
      cwd: root,
      env: { MAYFLY_LINK: String(linkFd) },
      stdio: ["ignore", "ignore", "pipe", "pipe"],
    },
  )
}

/** The same whether this file runs from `src` or from `dist`. */
function agentFolder(): string {
  const file = fileURLToPath(import.meta.url)
  const folder = join(dirname(file), "..", "..", "dist", "virtual-files")
  if (existsSync(join(folder, "agent.mjs"))) return realpathSync(folder)
  throw unavailable("the agent is not built; run npm run build")
}
