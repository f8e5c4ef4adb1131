import type { Duplex, Readable, Writable } from "node:stream"
import type { CodeLanguage, FileEvent, FileInfo, ProviderReport, SandboxLimits, SandboxUsage } from "@mayfly/protocol"
import type { SandboxFetch } from "./sandbox-egress.ts"

export interface SandboxSpec {
  readonly id: string
  readonly limits: SandboxLimits
}

/** A network for one sandbox that was made before it, with all in it that it needs. */
export interface PreparedNetwork {
  /** A command that runs what follows it in that network. */
  readonly enter: readonly string[]
  /** To be there, read-only, before anything runs: absolute path inside to text. */
  readonly files: Readonly<Record<string, string>>
  /** Resolves when what the sandbox may reach can be reached; it may start meanwhile, and has not started before. */
  readonly ready: Promise<void>
}

/** The SPI of whatever can hold sandboxes. One suite runs on all of them. A provider keeps no state of its own but files below its folder. */
export interface SandboxProvider {
  readonly name: string
  /** Whether it calls `takeNetwork`, so that networks are made ahead of time. */
  readonly takesNetworks?: boolean
  /** Rejects with `sandbox.unavailable` naming the guarantee that is missing. */
  probe(): Promise<ProviderReport>
  /** Makes room for the files of a new sandbox, from a snapshot when one is named. On throw nothing is left. */
  create(spec: SandboxSpec, from?: string): Promise<void>
  /** Starts it. Its files are as they were left. */
  start(spec: SandboxSpec, options?: ProviderStartOptions): Promise<ProviderSandbox>
  /** Removes all of a sandbox that is stopped. Calling twice is safe. */
  remove(id: string): Promise<void>
  /** Keeps a copy of the files as `snapshot`; gives its size on disk. The sandbox may run. On throw nothing is left. */
  snapshot(spec: SandboxSpec, snapshot: string, running: ProviderSandbox | undefined): Promise<number>
  /**
   * Keeps the files still, for whoever copies them from the provider's folder: what was written is there, and nothing in the sandbox writes more until what it gives
   * is disposed. It may be stopped meanwhile, and is not started. One without this is left out of backups of a server that runs.
   */
  hold?(spec: SandboxSpec, running: ProviderSandbox | undefined): Promise<AsyncDisposable | Disposable>
  removeSnapshot(snapshot: string): Promise<void>
  /** Clears what a supervisor that was killed left behind, except what belongs to these sandboxes and snapshots. */
  recover(sandboxes: ReadonlySet<string>, snapshots: ReadonlySet<string>): Promise<void>
}

export interface ProviderStartOptions {
  /**
   * Called as soon as there is a network namespace, with a process in it and in the user namespace that owns it. The sandbox has started when both this
   * and the sandbox are ready, and does not start when this rejects. A provider without namespaces does not call it.
   */
  readonly onNetwork?: ((namespacePid: number) => Promise<void>) | undefined
  /** What a provider without a network of its own calls instead: gives what sends requests for the sandbox. */
  readonly onRequests?: (() => Promise<SandboxFetch>) | undefined
  /** For a provider that can start a sandbox in a network namespace that is there: gives one, and `onNetwork` is not called then. */
  readonly takeNetwork?: (() => Promise<PreparedNetwork>) | undefined
}

export type SandboxEnd =
  | { readonly reason: "stopped" }
  | { readonly reason: "crashed"; readonly detail: string }
  | { readonly reason: "limit"; readonly limit: keyof SandboxLimits; readonly detail: string }

/** A sandbox that runs. */
export interface ProviderSandbox {
  /** Resolves once, when it has ended and nothing of it runs. */
  readonly ended: Promise<SandboxEnd>
  readonly files: ProviderFiles
  /** Starts a command. Rejects with `sandbox.file-not-found` for a folder that is missing; a program that is missing exits with 127. */
  spawn(request: SpawnRequest): Promise<ProviderProcess>
  shell(request: ShellRequest): Promise<ProviderShell>
  context(request: ContextRequest): Promise<ProviderContext>
  /** A connection to a port on the sandbox's loopback. Rejects with `sandbox.port-closed` when nobody listens. */
  connect(port: number): Promise<Duplex>
  /** Resolves when something listens there. */
  waitForPort(port: number, signal: AbortSignal): Promise<void>
  usage(): Promise<SandboxUsage>
  /** Whether it keeps this process alive. It does at first. */
  hold(isHeld: boolean): void
  /** Ends all processes. Calling twice is safe. */
  stop(end?: SandboxEnd): Promise<void>
}

export interface SpawnRequest {
  readonly argv: readonly string[]
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  readonly hasStdin: boolean
  /** Its stdin may be written at any time, and need not end. */
  readonly isStdinOpen?: boolean
  readonly timeoutMs: number | null
  readonly pty: { readonly cols: number; readonly rows: number } | null
}

export interface ProviderProcess {
  readonly pid: number
  readonly stdin: Writable
  readonly stdout: Readable
  readonly stderr: Readable
  /** Resolves after the streams have ended. Rejects when the sandbox ends first. */
  readonly exited: Promise<ProcessExit>
  /** Signals the whole tree. */
  kill(signal: NodeJS.Signals): void
  resize(cols: number, rows: number): void
  /** Kills the whole tree; nobody reads its output any more. */
  cancel(): void
}

export interface ProcessExit {
  readonly code: number | null
  readonly signal: string | null
  readonly isTimedOut: boolean
  /** Of a shell's command: the folder that the shell is in then. */
  readonly cwd?: string
  /** Of a shell's command: it ended the shell. */
  readonly hasShellEnded?: boolean
}

export interface ShellRequest {
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
}

/** Commands come one after the other. */
export interface ProviderShell {
  readonly ended: Promise<void>
  run(command: string, timeoutMs: number | null): Promise<ProviderProcess>
  close(): void
}

export interface ContextRequest extends ShellRequest {
  readonly language: CodeLanguage
}

export interface ProviderContext {
  readonly ended: Promise<void>
  run(code: string, timeoutMs: number | null): Promise<ProviderCell>
  close(): void
}

export interface ProviderCell {
  readonly stdout: Readable
  readonly stderr: Readable
  /** Lines of JSON. */
  readonly results: Readable
  readonly ended: Promise<Readonly<Record<string, unknown>>>
  cancel(): void
}

export interface WatchOptions {
  readonly recursive: boolean
  readonly signal: AbortSignal
  /** Called once, when all changes from then on are seen. */
  readonly onReady?: (() => unknown) | undefined
}

export interface ReadRange {
  readonly start?: number
  readonly end?: number
  /** A file that is larger is `sandbox.file-too-large`. */
  readonly maxBytes?: number
}

export interface WriteOptions {
  readonly mode?: number
  readonly append?: boolean
}

/** Files as the sandbox sees them. Paths are absolute. Errors are `sandbox.file-not-found`, `sandbox.disk-full`, `sandbox.file`. */
export interface ProviderFiles {
  /** The same files for a caller who may touch only what is below a folder: a path or link that leads out of it is refused (`EACCES`), inside. */
  within(prefix: string): ProviderFiles
  read(path: string, range: ReadRange): Promise<Readable>
  write(path: string, source: AsyncIterable<Uint8Array>, options: WriteOptions): Promise<number>
  list(path: string, options: { readonly recursive: boolean }): Promise<readonly FileInfo[]>
  stat(path: string): Promise<FileInfo>
  mkdir(path: string, recursive: boolean): Promise<void>
  remove(path: string, recursive: boolean): Promise<void>
  rename(path: string, to: string): Promise<void>
  chmod(path: string, mode: number): Promise<void>
  watch(path: string, options: WatchOptions): AsyncIterable<FileEvent>
}
