import { type Command, type OutputChunk, SandboxHttp } from "./sandbox-http.ts"
import { defaultPlatform } from "./default-platform.ts"
import { execute, type ExecOptions, type ExecResult } from "./sandbox-exec.ts"
import { SandboxFiles } from "./sandbox-files.ts"
import { SandboxProcess } from "./sandbox-process.ts"
import type { SandboxOptions, Sandboxes, SandboxInfo, SandboxSummary, SnapshotInfo } from "./sandboxes.ts"
import { SandboxShell } from "./sandbox-shell.ts"
import { SandboxTerminal, type TerminalOptions } from "./sandbox-terminal.ts"

export type CodeLanguage = "python" | "javascript" | "typescript"

export interface CodeResult {
  readonly text?: string
  readonly html?: string
  readonly markdown?: string
  readonly latex?: string
  readonly svg?: string
  /** base64 */
  readonly png?: string
  readonly jpeg?: string
  readonly json?: unknown
  readonly isResult: boolean
}

export interface CodeExecution {
  readonly results: readonly CodeResult[]
  readonly stdout: string
  readonly stderr: string
  readonly error: { readonly name: string; readonly message: string; readonly traceback: readonly string[] } | null
}

export interface Exposure {
  readonly port: number
  /** Whoever has it reaches the port, without a key. */
  readonly url: string
  readonly token: string
  readonly expiresAt: number | null
}

interface CommonOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
}

/** A workspace with a shell and files that stay, on a server. The same shape as the library's class. */
export class Sandbox {
  readonly id: string
  readonly files: SandboxFiles
  readonly env: { set(variables: Readonly<Record<string, string | null>>): Promise<void> }
  readonly git: {
    clone(
      url: string,
      options?: { readonly dir?: string; readonly branch?: string; readonly depth?: number },
    ): Promise<{ path: string }>
  }
  readonly #http: SandboxHttp
  readonly #home: Sandboxes

  /** @internal Use `Sandbox.create`, `get` or `open`. */
  constructor(home: Sandboxes, id: string) {
    this.id = id
    this.#home = home
    this.#http = new SandboxHttp(home.http, id)
    this.files = new SandboxFiles(this.#http)
    this.env = { set: (env) => this.#http.json("POST", "/env", { json: { env } }) }
    this.git = { clone: (url, options = {}) => this.#http.json("POST", "/git/clone", { json: { url, ...options } }) }
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
  async spawn(
    command: Command,
    options: CommonOptions & { readonly timeoutMs?: number } = {},
  ): Promise<SandboxProcess> {
    return new SandboxProcess(
      this.#http,
      await this.#http.json("POST", "/processes", { json: { command, ...options } }),
    )
  }

  /** What was started, the last ones that ended too. */
  async processes(): Promise<readonly SandboxProcess[]> {
    const { processes } = await this.#http.json<{ processes: object[] }>("GET", "/processes")
    return processes.map((given) => new SandboxProcess(this.#http, given))
  }

  /** A bash that keeps its state between commands. */
  async shell(options: CommonOptions = {}): Promise<SandboxShell> {
    return new SandboxShell(this.#http, await this.#http.json("POST", "/shells", { json: options }))
  }

  async terminal(options: TerminalOptions = {}): Promise<SandboxTerminal> {
    return SandboxTerminal.open(this.#http, options)
  }

  /** Runs a cell; its context keeps variables for the next. */
  async runCode(
    language: CodeLanguage,
    code: string,
    options: {
      readonly context?: string
      readonly timeoutMs?: number | null
      readonly signal?: AbortSignal
      readonly onOutput?: (chunk: OutputChunk) => unknown
    } = {},
  ): Promise<CodeExecution> {
    const { signal, onOutput, ...rest } = options
    const json = { language, code, ...rest }
    if (onOutput === undefined) return this.#http.json("POST", "/code", { json, signal, retry: false })
    const results: CodeResult[] = []
    const kept = { stdout: "", stderr: "" }
    let error: CodeExecution["error"] = null
    for await (const { type, data } of this.#http.events("POST", "/code", { json, signal })) {
      if (type === "result") results.push((data as { result: CodeResult }).result)
      if (type === "end") ({ error } = data as { error: CodeExecution["error"] })
      if (type !== "output") continue
      const { stream, text } = data as OutputChunk
      kept[stream] += text
      await onOutput({ stream, text })
    }
    return { results, ...kept, error }
  }

  /** An address that shows a port, for whoever has it. */
  async expose(port: number, options: { readonly ttlMs?: number } = {}): Promise<Exposure> {
    return this.#http.json("POST", "/ports", { json: { port, ...options } })
  }

  async unexpose(port: number): Promise<void> {
    await this.#http.json("DELETE", `/ports/${port}`)
  }

  async exposures(): Promise<readonly Exposure[]> {
    return (await this.#http.json<{ ports: Exposure[] }>("GET", "/ports")).ports
  }

  /** A copy of all files, which `Sandbox.create({ from })` begins with. */
  async snapshot(): Promise<SnapshotInfo> {
    return this.#http.json("POST", "/snapshots")
  }

  /** Another sandbox that begins with these files and goes its own way. */
  async fork(options: Omit<SandboxOptions, "from" | "platform"> = {}): Promise<Sandbox> {
    const { id } = await this.#http.json<{ id: string }>("POST", "/fork", { json: options })
    return new Sandbox(this.#home, id)
  }

  /** /workspace and /home/user as tar.zst. */
  async export(
    options: { readonly path?: string; readonly format?: "tar" | "tar.zst" } = {},
  ): Promise<ReadableStream<Uint8Array>> {
    const { body } = await this.#http.send("GET", "/archive", { query: { ...options } })
    return body ?? new Blob([]).stream()
  }

  /** Unpacks a tar.zst over the files. */
  async import(
    archive: ReadableStream<Uint8Array> | Uint8Array,
    options: { readonly path?: string; readonly format?: "tar" | "tar.zst" } = {},
  ): Promise<void> {
    const body = archive instanceof Uint8Array ? new Uint8Array(archive) : archive
    await this.#http.json("PUT", "/archive", { body, query: { ...options }, contentType: "application/octet-stream" })
  }

  async stats(): Promise<{
    readonly memoryBytes: number | null
    readonly cpuMs: number | null
    readonly processes: number | null
    readonly diskBytes: number | null
  }> {
    return this.#http.json("GET", "/stats")
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
}
