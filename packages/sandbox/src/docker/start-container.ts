import { objectOf, resultOf } from "../agent-answer.ts"
import { AgentSandbox } from "../agent-sandbox.ts"
import { missingConfinement } from "../bubblewrap/check-confinement.ts"
import { diskUsage } from "../bubblewrap/disk-watchdog.ts"
import { errorOfEnd } from "../error-of-end.ts"
import { SupervisorLink } from "../link/supervisor-link.ts"
import type {
  ProviderSandbox,
  ProviderStartOptions,
  SandboxEnd,
  SandboxSpec,
  SandboxUsage,
} from "../sandbox-provider.ts"
import { didNotStart, unavailable } from "../unavailable.ts"
import { watchRunning } from "../watch-running.ts"
import { AttachedStream } from "./attached-stream.ts"
import { type ContainerRequest, containerOptions } from "./container-options.ts"
import type { EngineClient } from "./engine-client.ts"

const startMs = 60_000
const maxComplaint = 8_192

export interface ContainerStartOptions {
  readonly spec: SandboxSpec
  readonly engine: EngineClient
  readonly request: ContainerRequest
  /** Holds its files. */
  readonly files: string
  readonly onNetwork: ProviderStartOptions["onNetwork"]
}

/** Makes a container, attaches to it and starts it. On throw nothing of it is left. */
export async function startContainer(options: ContainerStartOptions): Promise<ProviderSandbox> {
  const { engine, request } = options
  const { body } = await engine.call("POST", "/containers/create", { body: containerOptions(request) })
  const container = String(objectOf(body)["Id"])
  if (!/^[0-9a-f]{12,64}$/.test(container)) throw unavailable("the Docker engine named no container")
  try {
    const running = new Running(options, container, await engine.attach(container))
    try {
      await running.ready()
      return new AgentSandbox(running)
    } catch (error) {
      await running.stop()
      throw error
    }
  } catch (error) {
    await removeContainer(engine, container)
    throw error
  }
}

/** Ends all that runs in it. Calling twice is safe. */
export async function removeContainer(engine: EngineClient, container: string): Promise<void> {
  // 409: somebody is removing it already.
  await engine.call("DELETE", `/containers/${container}?force=1&v=1`, { allowed: [404, 409] })
}

class Running {
  readonly link: SupervisorLink
  readonly ended: Promise<SandboxEnd>
  readonly #options: ContainerStartOptions
  readonly #container: string
  readonly #stream: AttachedStream
  readonly #timers: (() => void)[] = []
  #end: SandboxEnd | undefined
  #complaint = ""

  constructor(
    options: ContainerStartOptions,
    container: string,
    socket: ConstructorParameters<typeof AttachedStream>[0],
  ) {
    this.#options = options
    this.#container = container
    this.#stream = new AttachedStream(socket, (text) => {
      this.#complaint = (this.#complaint + text).slice(-maxComplaint)
    })
    const gone = new Promise<void>((resolve) => this.#stream.once("close", resolve))
    this.link = new SupervisorLink(this.#stream, (reason) => this.#broken(reason))
    this.ended = gone.then(() => this.#settle())
  }

  async ready(): Promise<void> {
    const { engine, onNetwork } = this.#options
    const late = setTimeout(() => this.#broken("it did not start in time"), startMs)
    try {
      await engine.call("POST", `/containers/${this.#container}/start`)
      const pid = await this.#pid()
      const network = onNetwork?.(pid)
      network?.catch(() => {})
      try {
        resultOf(await this.link.open({ op: "ping" }).closed)
      } catch {
        await this.ended
        throw didNotStart(this.#complaint)
      }
      await network
      const missing = missingConfinement(pid, ["mnt", "pid", "net", "ipc", "uts"]) ?? [
        "a process that can be looked at",
      ]
      if (missing.length > 0) throw unavailable(`the sandbox lacks ${missing.join(", ")}`)
    } finally {
      clearTimeout(late)
    }
    const { spec, files } = this.#options
    const stop = (end: SandboxEnd): Promise<void> => this.stop(end)
    this.#timers.push(...watchRunning(this.link, { limits: spec.limits, files, stop }))
  }

  async usage(): Promise<SandboxUsage> {
    const { engine, files } = this.#options
    const path = `/containers/${this.#container}/stats?stream=false&one-shot=1`
    const [{ body }, diskBytes] = await Promise.all([engine.call("GET", path), diskUsage(files)])
    const cpuNs = numberAt(body, "cpu_stats", "cpu_usage", "total_usage")
    return {
      memoryBytes: numberAt(body, "memory_stats", "usage"),
      cpuMs: cpuNs === null ? null : Math.round(cpuNs / 1e6),
      processes: numberAt(body, "pids_stats", "current"),
      diskBytes,
    }
  }

  hold(isHeld: boolean): void {
    if (isHeld) this.#stream.ref()
    else this.#stream.unref()
  }

  async stop(end: SandboxEnd = { reason: "stopped" }): Promise<void> {
    this.#end ??= end
    await removeContainer(this.#options.engine, this.#container).catch(() => {})
    this.#stream.destroy()
    await this.ended
  }

  /** Why it broke is asked of the engine, which removes what is left. */
  #broken(reason: string): void {
    this.#complaint = this.#complaint.trim() || reason
    this.#stream.destroy()
  }

  async #settle(): Promise<SandboxEnd> {
    for (const dispose of this.#timers.splice(0)) dispose()
    const end = this.#end ?? (await this.#reason())
    await removeContainer(this.#options.engine, this.#container).catch(() => {})
    this.link.fail(errorOfEnd(end))
    return end
  }

  async #reason(): Promise<SandboxEnd> {
    const { engine, spec } = this.#options
    const found = await engine.call("GET", `/containers/${this.#container}/json`, { allowed: [404] }).catch(() => null)
    if (valueAt(found?.body, "State", "OOMKilled") === true)
      return { reason: "limit", limit: "memoryMb", detail: `it used more than ${spec.limits.memoryMb} MiB` }
    return this.#end ?? { reason: "crashed", detail: this.#complaint.trim() || "its first process ended" }
  }

  async #pid(): Promise<number> {
    const { body } = await this.#options.engine.call("GET", `/containers/${this.#container}/json`)
    const pid = numberAt(body, "State", "Pid")
    if (pid !== null && Number.isInteger(pid) && pid > 1) return pid
    throw unavailable(`the container ended at once: ${this.#complaint.trim() || "no reason was given"}`)
  }
}

function numberAt(value: unknown, ...path: readonly string[]): number | null {
  const found = valueAt(value, ...path)
  return typeof found === "number" ? found : null
}

function valueAt(value: unknown, ...path: readonly string[]): unknown {
  let found = value
  for (const name of path)
    found = typeof found === "object" && found !== null ? (found as Record<string, unknown>)[name] : undefined
  return found
}
