import { randomBytes } from "node:crypto"
import { Readable } from "node:stream"
import {
  MayflyError,
  type NetworkPolicy,
  type PackOptions,
  type CodeContextInfo,
  type CodeExecution,
  type CodeLanguage,
  type RunCodeOptions,
  type CloneOptions,
  type Command,
  type SandboxStatus,
  type Exposure,
  type SandboxUsage,
  type SnapshotInfo,
  type SandboxSummary,
  type SandboxInfo,
  type SpawnOptions,
} from "@mayfly/protocol"
import { packFiles, unpackFiles } from "./archive.ts"
import { CodeContexts } from "./code-contexts.ts"
import { cloneRepository } from "./git-clone.ts"
import { aborted, argvOf, collectProcess, type ExecOptions, type ExecResult } from "./exec-command.ts"
import type { Lease, LiveSandbox } from "./live-sandbox.ts"
import { SandboxFiles } from "./sandbox-files.ts"
import {
  invalid,
  parsePath,
  parsePort,
  parseTimeout,
  parseVariables,
  type SandboxOptions,
  type SandboxPlatform,
} from "./sandbox-options.ts"
import { SandboxProcess } from "./sandbox-process.ts"
import { SandboxShell } from "./sandbox-shell.ts"
import { parseTerminalSize, SandboxTerminal } from "./sandbox-terminal.ts"
import { defaultSandboxes } from "./default-sandboxes.ts"
import type { Sandboxes } from "./sandboxes.ts"
import { tracedExec } from "./traced-exec.ts"

export interface TerminalOptions {
  readonly cols?: number
  readonly rows?: number
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  /** Default bash. */
  readonly command?: readonly string[]
}

const maxProcesses = 1_000
const maxShells = 100
const maxTerminals = 100
const maxEnded = 100

/**
 * A workspace with a shell and files that stay. It starts when it is used and sleeps when it is not; handles with the same id are the same
 * sandbox. All methods reject with coded errors: `sandbox.destroyed` after its end, `sandbox.crashed` or `sandbox.limit` when it ended under them.
 */
export class Sandbox implements AsyncDisposable {
  readonly id: string
  readonly files: SandboxFiles
  readonly env: { set(variables: Readonly<Record<string, string | null | undefined>>): Promise<void> }
  readonly git: { clone(url: string, options?: CloneOptions): Promise<{ path: string }> }
  readonly #live: LiveSandbox
  readonly #home: Sandboxes
  readonly #processes = new Map<string, SandboxProcess>()
  readonly #shells = new Map<string, SandboxShell>()
  readonly #terminals = new Map<string, SandboxTerminal>()
  readonly #contexts: CodeContexts

  /** @internal Use `Sandbox.create`, `get` or `open`. */
  constructor(live: LiveSandbox, home: Sandboxes) {
    this.id = live.record.id
    this.#live = live
    this.#home = home
    this.files = new SandboxFiles(live)
    this.#contexts = new CodeContexts(live)
    this.env = { set: (variables) => this.#setVariables(variables) }
    this.git = { clone: (url, options = {}) => cloneRepository((argv, rest) => this.exec(argv, rest), url, options) }
  }

  /** Makes a sandbox. Rejects with `sandbox.exists` for an id that is taken. */
  static async create(options: SandboxOptions = {}): Promise<Sandbox> {
    return homeOf(options.platform).create(options)
  }

  /** One that is there, by its id and tenant ("default"). Rejects with `sandbox.not-found`. */
  static async get(
    id: string,
    { platform, ...rest }: { platform?: SandboxPlatform; tenant?: string } = {},
  ): Promise<Sandbox> {
    return homeOf(platform).get(id, rest)
  }

  /** Gets it, or makes it with these options. */
  static async open(id: string, options: Omit<SandboxOptions, "id"> = {}): Promise<Sandbox> {
    return homeOf(options.platform).open(id, options)
  }

  static async list(options: { platform?: SandboxPlatform; tenant?: string } = {}): Promise<readonly SandboxSummary[]> {
    return homeOf(options.platform).list(options)
  }

  /** Whose it is. */
  get tenant(): string {
    return this.#live.record.tenant
  }

  get status(): SandboxStatus {
    return this.#live.status
  }

  /** Runs a command to its end. That it fails is no exception. */
  async exec(command: Command, options: ExecOptions = {}): Promise<ExecResult> {
    const request = this.#request(command, options)
    const { signal } = options
    if (signal?.aborted === true) throw aborted(signal)
    return tracedExec(this.#live.record, async () => {
      using lease = await this.#live.use()
      const hasStdin = options.stdin !== undefined
      const process = await lease.sandbox.spawn({ ...withEnvironment(request, lease), hasStdin, pty: null })
      return await collectProcess(process, options)
    })
  }

  /** Starts a command that goes on by itself. It does not keep the sandbox awake. */
  async spawn(command: Command, options: SpawnOptions = {}): Promise<SandboxProcess> {
    const request = this.#request(command, options)
    this.#forgetEnded()
    using lease = await this.#live.use()
    const open = { hasStdin: true, isStdinOpen: true, pty: null }
    const process = await lease.sandbox.spawn({ ...withEnvironment(request, lease), ...open })
    const id = `p-${randomBytes(6).toString("hex")}`
    const started = new SandboxProcess(id, { command, process, live: this.#live })
    this.#processes.set(id, started)
    return started
  }

  /** What was started, the last ones that ended too. */
  processes(): readonly SandboxProcess[] {
    return [...this.#processes.values()]
  }

  process(id: string): SandboxProcess | undefined {
    return this.#processes.get(id)
  }

  /** A bash that keeps its state between commands. */
  async shell({ cwd, env }: { cwd?: string; env?: Readonly<Record<string, string>> } = {}): Promise<SandboxShell> {
    const request = this.#request(["bash"], { ...(cwd && { cwd }), ...(env && { env }) })
    checkRoom(this.#shells, maxShells, "shells")
    using lease = await this.#live.use()
    const id = `s-${randomBytes(6).toString("hex")}`
    const inside = await lease.sandbox.shell(withEnvironment(request, lease))
    const shell = new SandboxShell(id, { shell: inside, live: this.#live, cwd: request.cwd })
    keepUntil(this.#shells, shell, inside.ended)
    return shell
  }

  /** Shells that have not ended. */
  shells(): readonly SandboxShell[] {
    return [...this.#shells.values()]
  }

  async terminal(options: TerminalOptions = {}): Promise<SandboxTerminal> {
    const { command = ["/bin/bash", "-l"], cols, rows, ...rest } = options
    const size = parseTerminalSize({ ...(cols && { cols }), ...(rows && { rows }) })
    const request = this.#request(command, rest)
    checkRoom(this.#terminals, maxTerminals, "terminals")
    using lease = await this.#live.use()
    const process = await lease.sandbox.spawn({ ...withEnvironment(request, lease), hasStdin: true, pty: size })
    const terminal = new SandboxTerminal(`t-${randomBytes(6).toString("hex")}`, { process, live: this.#live })
    keepUntil(this.#terminals, terminal, terminal.waitForExit())
    return terminal
  }

  /** Terminals that have not ended, whether anybody looks at them or not. */
  terminals(): readonly SandboxTerminal[] {
    return [...this.#terminals.values()]
  }

  /** Runs a cell; its context keeps variables for the next. Needs the interpreter in the sandbox. */
  async runCode(language: CodeLanguage, code: string, options: RunCodeOptions = {}): Promise<CodeExecution> {
    return this.#contexts.run(language, code, options)
  }

  /** Starts a context before its first cell. One that is there for the same language is fine. */
  async openContext(language: CodeLanguage, name?: string): Promise<CodeContextInfo> {
    return this.#contexts.start(language, name)
  }

  contexts(): readonly CodeContextInfo[] {
    return this.#contexts.list()
  }

  async closeContext(name: string): Promise<void> {
    return this.#contexts.close(name)
  }

  /** An address on this machine that shows a port, for whoever has it. It ends with `unexpose`, its time, or this process. */
  async expose(port: number, { ttlMs }: { ttlMs?: number } = {}): Promise<Exposure> {
    this.#live.checkUsable()
    return this.#home.expose(this.#live, parsePort(port), parseTimeout(ttlMs, "ttlMs"))
  }

  async unexpose(port: number): Promise<void> {
    await this.#home.unexpose(this.#live, parsePort(port))
  }

  /** What is shown now. */
  exposures(): readonly Exposure[] {
    return this.#home.previews.list(this.#live)
  }

  /** A copy of all files, which `Sandbox.create({ from })` begins with. Processes are not in it. */
  async snapshot(): Promise<SnapshotInfo> {
    return this.#home.snapshot(this.#live)
  }

  /** Another sandbox that begins with these files and goes its own way. */
  async fork(options: Omit<SandboxOptions, "from" | "platform"> = {}): Promise<Sandbox> {
    return this.#home.fork(this.#live, options)
  }

  /** /workspace and /home/user as tar.zst. With a path: what is below that folder, and `format` may be "tar". */
  async export(options: PackOptions = {}): Promise<ReadableStream<Uint8Array>> {
    const { path, ...rest } = options
    const packed = { ...rest, ...(path === undefined ? {} : { path: parsePath(path) }) }
    const lease = await this.#live.use()
    try {
      const archive = await packFiles(lease.sandbox, packed)
      archive.once("close", () => lease[Symbol.dispose]())
      return Readable.toWeb(archive) as ReadableStream<Uint8Array>
    } catch (error) {
      lease[Symbol.dispose]()
      throw error
    }
  }

  /** Unpacks a tar.zst (or what `format` says) over the files; with a path below that folder. It is unpacked inside: its paths lead nowhere else. */
  async import(
    archive: AsyncIterable<Uint8Array> | Uint8Array,
    options: Omit<PackOptions, "excludes"> = {},
  ): Promise<void> {
    const { path, format } = options
    using lease = await this.#live.use()
    const source = archive instanceof Uint8Array ? Readable.from([archive]) : archive
    await unpackFiles(lease.sandbox, source, {
      ...(path === undefined ? {} : { path: parsePath(path) }),
      ...(format === undefined ? {} : { format }),
    })
  }

  /** What it uses now. One that sleeps is not woken for it. */
  async stats(): Promise<SandboxUsage> {
    this.#live.checkUsable()
    const stopped = { memoryBytes: 0, cpuMs: null, processes: 0, diskBytes: null }
    return (await this.#live.running?.usage()) ?? stopped
  }

  /** What it may reach now, as data. */
  policy(): NetworkPolicy {
    return structuredClone(this.#live.record.network)
  }

  /**
   * Puts another network policy in the place of its own, also while it runs: it holds from the next connection on, what is open and not allowed any
   * more is closed, and it outlasts a restart. Rejects with `input.invalid`, and with `mesh.namespace` when a port that it names is taken by a
   * program in the sandbox; then all stays as it was.
   */
  async setPolicy(network: NetworkPolicy): Promise<void> {
    await this.#home.setPolicy(this.#live, network)
  }

  async info(): Promise<SandboxInfo> {
    return this.#home.info(this.#live)
  }

  /** Ends all processes; files stay. The next call starts it again. */
  async stop(): Promise<void> {
    this.#live.checkUsable()
    await this.#live.stop()
  }

  /** Ends it and removes its files. Snapshots stay. Calling twice is safe. */
  async destroy(): Promise<void> {
    await this.#home.destroy(this.#live)
  }

  /** Stops it; its files stay. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#live.stop()
  }

  #request(
    command: Command,
    options: SpawnOptions,
  ): {
    argv: readonly string[]
    cwd: string
    env: Readonly<Record<string, string>>
    timeoutMs: number | null
  } {
    this.#live.checkUsable()
    const { cwd = "/workspace", env = {}, timeoutMs } = options
    return {
      argv: argvOf(command),
      cwd: parsePath(cwd, "cwd"),
      env: parseVariables(env, "env"),
      timeoutMs: parseTimeout(timeoutMs),
    }
  }

  #forgetEnded(): void {
    const ended = [...this.#processes.values()].filter(({ status }) => status !== "running")
    for (const { id } of ended.slice(0, -maxEnded)) this.#processes.delete(id)
    if (this.#processes.size >= maxProcesses)
      throw new MayflyError("sandbox.limit", `${maxProcesses} processes were started and still run`)
  }

  async #setVariables(variables: Readonly<Record<string, string | null | undefined>>): Promise<void> {
    if (typeof variables !== "object" || variables === null) throw invalid("variables", "must be an object")
    const all = { ...this.#live.record.env, ...variables }
    const kept = Object.entries(all).filter(([, value]) => value !== null && value !== undefined)
    await this.#home.setEnvironment(this.#live, parseVariables(Object.fromEntries(kept), "variables"))
  }
}

function checkRoom(held: ReadonlyMap<string, unknown>, max: number, what: string): void {
  if (held.size >= max) throw new MayflyError("sandbox.limit", `${max} ${what} are open in this sandbox; close some`)
}

function keepUntil<T extends { readonly id: string }>(held: Map<string, T>, one: T, end: Promise<unknown>): void {
  held.set(one.id, one)
  const forget = (): void => void held.delete(one.id)
  end.then(forget, forget)
}

function withEnvironment<T extends { readonly env: Readonly<Record<string, string>> }>(request: T, lease: Lease): T {
  return { ...request, env: { ...lease.environment, ...request.env } }
}

function homeOf(platform: SandboxPlatform | undefined): Sandboxes {
  return platform === undefined ? defaultSandboxes() : platform.env.SANDBOX
}
