import { randomBytes } from "node:crypto"
import { Duplex, type Readable, type Writable } from "node:stream"
import { MayflyError, type SandboxUsage } from "@mayfly/protocol"
import { exitOf, objectOf, resultOf, senseless } from "./agent-answer.ts"
import { AgentFiles, firstMessage } from "./agent-files.ts"
import type { Channel, Message } from "./link/channel.ts"
import type { SupervisorLink } from "./link/supervisor-link.ts"
import type {
  ContextRequest,
  ProviderCell,
  ProviderContext,
  ProviderFiles,
  ProviderProcess,
  ProviderSandbox,
  ProviderShell,
  SandboxEnd,
  ShellRequest,
  SpawnRequest,
} from "./sandbox-provider.ts"

/** For the agent to kill what ran too long, on a machine that is busy. */
const graceMs = 30_000

/** What a provider with an agent adds to it. */
export interface AgentSandboxParts {
  readonly link: SupervisorLink
  readonly ended: Promise<SandboxEnd>
  usage(): Promise<SandboxUsage>
  hold(isHeld: boolean): void
  stop(end?: SandboxEnd): Promise<void>
}

/** A sandbox whose agent speaks over a link. */
export class AgentSandbox implements ProviderSandbox {
  readonly ended: Promise<SandboxEnd>
  readonly files: ProviderFiles
  readonly #link: SupervisorLink
  readonly #parts: AgentSandboxParts

  constructor(parts: AgentSandboxParts) {
    this.#parts = parts
    this.#link = parts.link
    this.ended = parts.ended
    this.files = new AgentFiles(parts.link)
  }

  async spawn(request: SpawnRequest): Promise<ProviderProcess> {
    const { argv, cwd, env, hasStdin, isStdinOpen = false, timeoutMs, pty } = request
    const mark = randomBytes(12).toString("hex")
    return this.#process({ op: "spawn", argv, cwd, env, stdin: hasStdin, isStdinOpen, timeoutMs, mark, pty })
  }

  async shell({ cwd, env }: ShellRequest): Promise<ProviderShell> {
    const channel = this.#link.open({ op: "shell", cwd, env })
    await firstMessage(channel)
    return {
      ended: channel.closed.then(() => {}),
      run: (command, timeoutMs) => this.#process({ op: "shell-run", shell: channel.id, command, timeoutMs }),
      close: () => this.#link.cancel(channel),
    }
  }

  async context({ language, cwd, env }: ContextRequest): Promise<ProviderContext> {
    const channel = this.#link.open({ op: "context", language, cwd, env })
    return {
      ended: channel.closed.then((message) => void resultOf(message)),
      run: (code, timeoutMs) => this.#cell({ op: "context-run", context: channel.id, code, timeoutMs }),
      close: () => this.#link.cancel(channel),
    }
  }

  async #cell(operation: Message): Promise<ProviderCell> {
    const channel = this.#openTimed(operation)
    return {
      stdout: channel.readable(1),
      stderr: channel.readable(2),
      results: channel.readable(3),
      ended: channel.closed.then((message) => objectOf(resultOf(message))),
      cancel: () => this.#link.cancel(channel),
    }
  }

  async connect(port: number): Promise<Duplex> {
    const channel = this.#link.open({ op: "connect", port })
    await firstMessage(channel)
    const duplex = Duplex.from({ readable: channel.readable(1), writable: channel.writable(0) })
    duplex.once("close", () => this.#link.cancel(channel))
    channel.closed.catch((error: Error) => duplex.destroy(error))
    return duplex
  }

  async waitForPort(port: number, signal: AbortSignal): Promise<void> {
    const channel = this.#link.open({ op: "wait-port", port })
    const end = (): void => this.#link.cancel(channel)
    signal.addEventListener("abort", end, { once: true })
    try {
      resultOf(await channel.closed)
    } finally {
      signal.removeEventListener("abort", end)
    }
    signal.throwIfAborted()
  }

  usage(): Promise<SandboxUsage> {
    return this.#parts.usage()
  }

  hold(isHeld: boolean): void {
    this.#parts.hold(isHeld)
  }

  stop(end?: SandboxEnd): Promise<void> {
    return this.#parts.stop(end)
  }

  /** The agent keeps the time of a command; this process sees to it that it does. */
  #openTimed(operation: Message): Channel {
    const channel = this.#link.open(operation)
    const { timeoutMs } = operation
    if (typeof timeoutMs === "number") this.#link.expectEnd(channel, timeoutMs + graceMs)
    return channel
  }

  async #process(operation: Message): Promise<ProviderProcess> {
    const channel = this.#openTimed(operation)
    // A program that can't be started never says that it began.
    const begun = firstMessage(channel).then(
      (message) => pidOf(message["pid"]),
      (error: unknown) => {
        if (error instanceof MayflyError && error.code !== "sandbox.crashed") throw error
        return 0
      },
    )
    const exited = channel.closed.then((message) => exitOf(resultOf(message)))
    exited.catch(() => {})
    const pid = await begun
    return new AgentProcess(pid, channel, exited, () => this.#link.cancel(channel))
  }
}

class AgentProcess implements ProviderProcess {
  readonly pid: number
  readonly stdin: Writable
  readonly stdout: Readable
  readonly stderr: Readable
  readonly exited: ProviderProcess["exited"]
  readonly #channel: Channel
  readonly cancel: () => void

  constructor(pid: number, channel: Channel, exited: ProviderProcess["exited"], cancel: () => void) {
    this.pid = pid
    this.#channel = channel
    this.stdin = channel.writable(0)
    this.stdout = channel.readable(1)
    this.stderr = channel.readable(2)
    this.exited = exited
    this.cancel = cancel
  }

  kill(signal: NodeJS.Signals): void {
    this.#channel.send({ kill: signal })
  }

  resize(cols: number, rows: number): void {
    this.#channel.send({ resize: [cols, rows] })
  }
}

function pidOf(value: unknown): number {
  if (typeof value !== "number" || !Number.isInteger(value) || value < 0 || value > 1 << 22) throw senseless()
  return value
}
