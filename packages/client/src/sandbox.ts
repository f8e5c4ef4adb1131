import {
  type CloneOptions,
  type CodeContextInfo,
  type CodeExecution,
  type CodeLanguage,
  type CodeResult,
  type Command,
  type Exposure,
  type LogChunk,
  MayflyError,
  type NetworkPolicy,
  type PackOptions,
  pathSegment,
  type RunCodeOptions,
  type SandboxInfo,
  type SandboxSummary,
  type SandboxUsage,
  type SnapshotInfo,
  type SpawnOptions,
} from "@mayfly/protocol"
import { defaultPlatform } from "./default-platform.ts"
import { keepOutput } from "./keep-output.ts"
import { execute, type ExecOptions, type ExecResult } from "./sandbox-exec.ts"
import { SandboxFiles } from "./sandbox-files.ts"
import { SandboxHttp } from "./sandbox-http.ts"
import { SandboxProcess } from "./sandbox-process.ts"
import { SandboxShell } from "./sandbox-shell.ts"
import { SandboxTerminal, type TerminalOptions } from "./sandbox-terminal.ts"
import type { SandboxOptions, Sandboxes } from "./sandboxes.ts"

/** More than a cell shows. */
const maxResults = 10_000

/** A workspace with a shell and files that stay, on a server. The same shape as the library's class. */
export class Sandbox implements AsyncDisposable {
  readonly id: string
  readonly files: SandboxFiles
  readonly env: { set(variables: Readonly<Record<string, string | null | undefined>>): Promise<void> }
  readonly git: { clone(url: string, options?: CloneOptions): Promise<{ path: string }> }
  readonly #http: SandboxHttp
  readonly #home: Sandboxes

  /** @internal Use `Sandbox.create`, `get` or `open`. */
  constructor(home: Sandboxes, id: string) {
    this.id = id
    this.#home = home
    this.#http = new SandboxHttp(home.http, id)
    this.files = new SandboxFiles(this.#http)
    this.env = {
      set: async (given) => {
        const env = Object.fromEntries(Object.entries(given).map(([name, value]) => [name, value ?? null]))
        await this.#http.json("POST", "/env", { json: { env } })
      },
    }
    this.git = {
      clone: (url, { signal, ...options } = {}) =>
        this.#http.json("POST", "/git/clone", { json: { url, ...options }, signal }),
    }
  }

  /** Makes a sandbox. Rejects with `sandbox.exists` for an id that is taken. */
  static async create(options: SandboxOptions = {}): Promise<Sandbox> {
    const { platform = defaultPlatform(), ...rest } = options
    return platform.env.SANDBOX.create(rest)
  }

  /** One that is there. Rejects with `sandbox.not-found`. */
  static async get(
    id: string,
    { platform = defaultPlatform() }: Pick<SandboxOptions, "platform"> = {},
  ): Promise<Sandbox> {
    return platform.env.SANDBOX.get(id)
  }

  /** Gets it, or makes it with these options. */
  static async open(id: string, options: Omit<SandboxOptions, "id"> = {}): Promise<Sandbox> {
    const { platform = defaultPlatform(), ...rest } = options
    return platform.env.SANDBOX.open(id, rest)
  }

  static async list({ platform = defaultPlatform() }: Pick<SandboxOptions, "platform"> = {}): Promise<
    readonly SandboxSummary[]
  > {
    return platform.env.SANDBOX.list()
  }

  /** Runs a command to its end. That it fails is no exception. */
  async exec(command: Command, options: ExecOptions = {}): Promise<ExecResult> {
    return execute(this.#http, "/exec", { command }, options)
  }

  /** Starts a command that goes on by itself. */
  async spawn(command: Command, options: SpawnOptions = {}): Promise<SandboxProcess> {
    const made = await this.#http.json<object>("POST", "/processes", { json: { command, ...options } })
    return new SandboxProcess(this.#http, made)
  }

  /** What was started, the last ones that ended too. */
  async processes(): Promise<readonly SandboxProcess[]> {
    const processes = await this.#http.list<object>("/processes", "processes")
    return processes.map((given) => new SandboxProcess(this.#http, given))
  }

  async process(id: string): Promise<SandboxProcess | undefined> {
    return (await this.processes()).find((process) => process.id === id)
  }

  /** A bash that keeps its state between commands. */
  async shell(options: Pick<SpawnOptions, "cwd" | "env"> = {}): Promise<SandboxShell> {
    return new SandboxShell(this.#http, await this.#http.json("POST", "/shells", { json: options }))
  }

  /** Shells that have not ended. */
  async shells(): Promise<readonly SandboxShell[]> {
    const shells = await this.#http.list<{ id: string; cwd: string }>("/shells", "shells")
    return shells.map((given) => new SandboxShell(this.#http, given))
  }

  /** Opens a view of a new terminal, or of one that is there. */
  async terminal(options: TerminalOptions = {}): Promise<SandboxTerminal> {
    return SandboxTerminal.open(this.#http, options)
  }

  /** Terminals that have not ended, whether anybody looks at them or not: `terminal({ terminal: id })` does. */
  async terminals(): Promise<readonly { readonly id: string; readonly createdAt: number }[]> {
    return this.#http.list("/terminals", "terminals")
  }

  /** Runs a cell; its context keeps variables for the next. */
  async runCode(language: CodeLanguage, code: string, options: RunCodeOptions = {}): Promise<CodeExecution> {
    const { signal, onOutput, ...rest } = options
    const json = { language, code, ...rest }
    if (onOutput === undefined) return this.#http.json("POST", "/code", { json, signal, retry: false })
    const results: CodeResult[] = []
    const kept = keepOutput()
    for await (const { event, data } of this.#http.events("POST", "/code", { json, signal })) {
      if (event === "end") return { results, ...kept.texts, error: (data as Pick<CodeExecution, "error">).error }
      if (event === "output") await onOutput(kept.add(data as LogChunk))
      if (event === "result" && results.push((data as { result: CodeResult }).result) > maxResults)
        throw new MayflyError("client.not-mayfly", "the server sent results without end")
    }
    throw new MayflyError("client.disconnected", "the answer ended before the cell did")
  }

  /** Starts a context before its first cell. One that is there for the same language is fine. */
  async openContext(language: CodeLanguage, name?: string): Promise<CodeContextInfo> {
    return this.#http.json("POST", "/code/contexts", { json: { language, name } })
  }

  async contexts(): Promise<readonly CodeContextInfo[]> {
    return this.#http.list("/code/contexts", "contexts")
  }

  async closeContext(name: string): Promise<void> {
    await this.#http.json("DELETE", `/code/contexts/${pathSegment(name)}`)
  }

  /** An address that shows a port, for whoever has it. */
  async expose(port: number, options: { readonly ttlMs?: number } = {}): Promise<Exposure> {
    return this.#http.json("POST", "/ports", { json: { port, ...options } })
  }

  async unexpose(port: number): Promise<void> {
    await this.#http.json("DELETE", `/ports/${port}`)
  }

  async exposures(): Promise<readonly Exposure[]> {
    return this.#http.list("/ports", "ports")
  }

  /** A copy of all files, which `Sandbox.create({ from })` begins with. */
  async snapshot(): Promise<SnapshotInfo> {
    return this.#http.json("POST", "/snapshots")
  }

  /** Another sandbox that begins with these files and goes its own way. */
  async fork(options: Omit<SandboxOptions, "from" | "platform"> = {}): Promise<Sandbox> {
    return this.#home.made(await this.#http.json("POST", "/fork", { json: options }))
  }

  /** /workspace and /home/user as tar.zst. */
  async export(options: Omit<PackOptions, "excludes"> = {}): Promise<ReadableStream<Uint8Array>> {
    const { body } = await this.#http.send("GET", "/archive", { query: { ...options } })
    return body ?? new Blob([]).stream()
  }

  /** Unpacks a tar.zst over the files. */
  async import(
    archive: ReadableStream<Uint8Array> | Uint8Array,
    options: Omit<PackOptions, "excludes"> = {},
  ): Promise<void> {
    const body = archive instanceof Uint8Array ? new Uint8Array(archive) : archive
    await this.#http.json("PUT", "/archive", { body, query: { ...options }, contentType: "application/octet-stream" })
  }

  /** What it uses now. One that sleeps is not woken for it. */
  async stats(): Promise<SandboxUsage> {
    return this.#http.json("GET", "/stats")
  }

  /** What it may reach now, as data. */
  async policy(): Promise<NetworkPolicy> {
    return (await this.#http.json<{ network: NetworkPolicy }>("GET", "/policy")).network
  }

  /** Puts another network policy in the place of its own, also while it runs; what is open and not allowed any more is closed. */
  async setPolicy(network: NetworkPolicy): Promise<void> {
    await this.#http.json("PUT", "/policy", { json: { network } })
  }

  async info(): Promise<SandboxInfo> {
    return this.#http.json("GET", "")
  }

  /** Ends all processes; files stay. The next call starts it again. */
  async stop(): Promise<void> {
    await this.#http.json("POST", "/stop")
  }

  /** Ends it and removes its files. Snapshots stay. Calling twice is safe. */
  async destroy(): Promise<void> {
    await this.#home.destroy(this.id)
  }

  /** Stops it; its files stay. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}
