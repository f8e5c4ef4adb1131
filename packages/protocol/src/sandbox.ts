import type { NetworkPolicy } from "./network.ts"

/** What a sandbox may use. */
export interface SandboxLimits {
  /** Memory of all its processes together, and of its files in /tmp. */
  readonly memoryMb: number
  /** Cores, 0.5 for half of one. */
  readonly cpus: number
  /** Processes and threads at once. */
  readonly processes: number
  /** Files in /workspace and /home. */
  readonly diskMb: number
  /** From its start to its end. `null`: as long as it is used. */
  readonly wallMs: number | null
}

/** How well a limit holds: the kernel enforces it, this process looks now and then, or nobody does. */
export type Enforcement = "hard" | "watchdog" | "none"

/** What a provider can do on this machine. */
export interface ProviderReport {
  readonly provider: string
  /** "in-process": commands are imitated by a program on this machine; nothing of the kernel's keeps it in. */
  readonly isolation: "namespaces" | "container" | "in-process"
  readonly limits: Readonly<Record<keyof SandboxLimits, Enforcement>>
  /** How a snapshot is made: a copy of a disk image, or an archive. */
  readonly snapshots: "image" | "archive" | "copy"
  /** What it answers with `sandbox.unsupported`. */
  readonly unsupported: readonly ProviderAbility[]
  /** What is weaker than it could be, and why. */
  readonly notes: readonly string[]
}

export type ProviderAbility = "programs" | "terminals" | "ports" | "code" | "stdin of processes" | "network"

/** Figures of the kernel's, null where it does not tell. */
export interface SandboxUsage {
  readonly memoryBytes: number | null
  readonly cpuMs: number | null
  readonly processes: number | null
  readonly diskBytes: number | null
}

export type SandboxStatus = "stopped" | "starting" | "running" | "destroyed"

export interface SandboxSummary {
  readonly id: string
  readonly tenant: string
  readonly status: SandboxStatus
  readonly createdAt: number
}

export interface SandboxInfo extends SandboxSummary {
  readonly limits: SandboxLimits
  readonly network: NetworkPolicy
  readonly sleepAfterMs: number | null
  /** What the provider can do here, and how well each limit holds. */
  readonly provider: ProviderReport
}

/** A saved copy of a sandbox's files. */
export interface SnapshotInfo {
  readonly id: string
  readonly sandboxId: string
  readonly tenant: string
  /** Who made it, and alone can use it. */
  readonly provider: string
  readonly createdAt: number
  /** What it takes on disk. */
  readonly bytes: number
  /** Of the sandbox that it was made from. */
  readonly limits: SandboxLimits
}

export interface Exposure {
  readonly port: number
  /** The credential is in it: whoever has it reaches the port. */
  readonly url: string
  readonly token: string
  readonly expiresAt: number | null
}

export interface PackOptions {
  /** A folder; what is below it is packed, or unpacked there. Default: /workspace and /home/user, as they stand below /. */
  readonly path?: string
  /** Default tar.zst. */
  readonly format?: "tar" | "tar.zst"
  /** What tar leaves out: its patterns, relative to the path. */
  readonly excludes?: readonly string[]
}

export interface CloneOptions {
  /** Default: the repository's name, below /workspace. */
  readonly dir?: string
  readonly branch?: string
  /** Only the last commits. */
  readonly depth?: number
  /** Default 10 minutes. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

/** What a sandbox is made of. */
export interface SandboxSettings {
  /** Lower-case letters, digits and hyphens, at most 63; each tenant has its own. Default: a random one. */
  readonly id?: string
  readonly limits?: Partial<SandboxLimits>
  /** What it may reach. Default: nothing. */
  readonly network?: NetworkPolicy
  /** Variables of every command. */
  readonly env?: Readonly<Record<string, string>>
  /** Files to begin with: a snapshot, or the id of one. */
  readonly from?: SnapshotInfo | string
  /** Idle for this long, it stops; its files stay, and the next call starts it again. `"10m"` or milliseconds; null: never. Default 10 minutes. */
  readonly sleepAfter?: string | number | null
  /** Default "default". */
  readonly tenant?: string
  /** What holds it: "bubblewrap", "docker" or "virtual". Default: the platform's, which is "bubblewrap" unless it was told otherwise. */
  readonly provider?: string
}
