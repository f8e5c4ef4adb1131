import { existsSync, realpathSync } from "node:fs"
import { mkdir, rename } from "node:fs/promises"
import { join } from "node:path"
import { MayflyError } from "@mayfly/protocol"
import type {
  ProviderReport,
  ProviderSandbox,
  ProviderStartOptions,
  SandboxProvider,
  SandboxSpec,
} from "../sandbox-provider.ts"
import { asDiskFull } from "../disk-full.ts"
import { namesIn } from "../names-in.ts"
import { removeTree } from "../remove-tree.ts"
import { realFolders } from "../virtual-agent/place-operation.ts"
import { copyTree } from "./copy-tree.ts"
import { findJustBash, type JustBash } from "./find-just-bash.ts"
import { startVirtual } from "./start-virtual.ts"

export interface VirtualOptions {
  /** Holds the files of all sandboxes and snapshots; made when needed. */
  readonly directory: string
}

/**
 * Sandboxes where nothing of Linux can be had: a program that imitates bash and its tools, in a process of its own with Node's permissions. No
 * namespaces, no user of its own, no system call filter: only for code that one would nearly run oneself.
 */
export class VirtualProvider implements SandboxProvider {
  readonly name = "virtual"
  readonly #directory: string
  #library: JustBash | undefined

  constructor({ directory }: VirtualOptions) {
    this.#directory = directory
  }

  async probe(): Promise<ProviderReport> {
    this.#find()
    return {
      provider: this.name,
      isolation: "in-process",
      limits: { memoryMb: "watchdog", cpus: "none", processes: "none", diskMb: "watchdog", wallMs: "hard" },
      snapshots: "copy",
      unsupported: ["programs", "terminals", "ports", "code", "stdin of processes"],
      notes: [
        "commands are imitated in a process of this machine's user: nothing of the kernel's keeps them in, only Node's permissions",
        "output comes when a command has ended; links can't be made",
      ],
    }
  }

  async create(spec: SandboxSpec, from?: string): Promise<void> {
    this.#find()
    const folder = this.#folder(spec.id)
    if (existsSync(folder)) throw new MayflyError("sandbox.exists", `files of a sandbox "${spec.id}" exist already`)
    const snapshot = from === undefined ? undefined : this.#snapshot(from)
    if (snapshot !== undefined && !existsSync(snapshot))
      throw new MayflyError("sandbox.not-found", `the files of the snapshot "${from}" are missing`)
    try {
      if (snapshot !== undefined) await copyTree(snapshot, join(folder, "root"))
      for (const name of realFolders) await mkdir(`${folder}/root${name}`, { recursive: true, mode: 0o700 })
    } catch (error) {
      await this.remove(spec.id)
      throw asDiskFull(error)
    }
  }

  async start(spec: SandboxSpec, options: ProviderStartOptions = {}): Promise<ProviderSandbox> {
    const library = this.#find()
    const root = join(this.#folder(spec.id), "root")
    if (!existsSync(root))
      throw new MayflyError("sandbox.not-found", `the files of the sandbox "${spec.id}" are missing`)
    await removeTree(join(root, "tmp"))
    for (const name of realFolders) await mkdir(`${root}${name}`, { recursive: true, mode: 0o700 })
    return startVirtual({ ...options, spec, library, root: realpathSync(root) })
  }

  async remove(id: string): Promise<void> {
    await removeTree(this.#folder(id))
  }

  async snapshot(spec: SandboxSpec, snapshot: string): Promise<number> {
    const path = this.#snapshot(snapshot)
    const unfinished = `${path}.unfinished`
    try {
      const bytes = await copyTree(join(this.#folder(spec.id), "root"), unfinished)
      await removeTree(join(unfinished, "tmp"))
      await rename(unfinished, path)
      return bytes
    } catch (error) {
      await removeTree(unfinished)
      throw asDiskFull(error)
    }
  }

  async removeSnapshot(snapshot: string): Promise<void> {
    await removeTree(this.#snapshot(snapshot))
  }

  async recover(sandboxes: ReadonlySet<string>, snapshots: ReadonlySet<string>): Promise<void> {
    for (const id of await namesIn(join(this.#directory, "boxes"))) if (!sandboxes.has(id)) await this.remove(id)
    for (const id of await namesIn(join(this.#directory, "snapshots")))
      if (!snapshots.has(id)) await removeTree(join(this.#directory, "snapshots", id))
  }

  #find(): JustBash {
    return (this.#library ??= findJustBash())
  }

  #folder(id: string): string {
    return join(this.#directory, "boxes", id)
  }

  #snapshot(id: string): string {
    return join(this.#directory, "snapshots", id)
  }
}
