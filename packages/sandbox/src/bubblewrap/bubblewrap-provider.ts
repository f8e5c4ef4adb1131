import { createReadStream, existsSync } from "node:fs"
import { mkdir, open, readFile, rename, rm, stat, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pipeline } from "node:stream/promises"
import { MayflyError } from "@mayfly/protocol"
import { identity, isAlive } from "../claim-directory.ts"
import { packFiles, unpackFiles } from "../archive.ts"
import { asDiskFull } from "../disk-full.ts"
import { namesIn } from "../names-in.ts"
import type {
  Enforcement,
  ProviderReport,
  ProviderSandbox,
  ProviderStartOptions,
  SandboxProvider,
  SandboxSpec,
} from "../sandbox-provider.ts"
import { etcFiles } from "./bubblewrap-profile.ts"
import { type CgroupPlaces, findCgroupPlaces } from "./cgroup-places.ts"
import { findHostPrograms, type HostPrograms } from "./host-programs.ts"
import { copyImage, makeImage, waitUntilDetached } from "./loop-images.ts"
import { forgetEmptyGroups, removeStaleGroups, ResourceGroup } from "./resource-group.ts"
import { BubblewrapSandbox, type SandboxPlace, startSandbox } from "./start-sandbox.ts"
import { newUser } from "./user-ids.ts"

export interface BubblewrapOptions {
  /** Holds the files of all sandboxes and snapshots; made when needed. */
  readonly directory: string
  /** For tests: do as if this machine had no control groups, or no disk images. */
  readonly without?: readonly ("cgroups" | "images")[]
  /** For tests: a folder with another agent. */
  readonly agent?: string
}

let nextGroup = 0

interface Host extends HostPrograms {
  readonly cgroups: CgroupPlaces | undefined
}

/** Sandboxes on Linux: bubblewrap, namespaces, a system call filter, a user of the kernel's that is never root. */
export class BubblewrapProvider implements SandboxProvider {
  readonly name = "bubblewrap"
  readonly takesNetworks = true
  readonly #directory: string
  readonly #without: readonly string[]
  readonly #agent: string | undefined
  #host: Host | undefined

  constructor({ directory, without = [], agent }: BubblewrapOptions) {
    this.#agent = agent
    this.#directory = directory
    this.#without = without
  }

  async probe(): Promise<ProviderReport> {
    const { cgroups, hasImages, isRoot } = this.#find()
    const kernelOr = (isThere: boolean, other: Enforcement): Enforcement => (isThere ? "hard" : other)
    return {
      provider: this.name,
      isolation: "namespaces",
      limits: {
        memoryMb: kernelOr(cgroups?.memory !== undefined, "watchdog"),
        cpus: kernelOr(cgroups?.cpu !== undefined, "none"),
        processes: "hard",
        diskMb: kernelOr(hasImages, "watchdog"),
        wallMs: "hard",
      },
      snapshots: hasImages ? "image" : "archive",
      unsupported: [],
      notes: notesOn(isRoot, cgroups, hasImages),
    }
  }

  async create(spec: SandboxSpec, from?: string): Promise<void> {
    const host = this.#find()
    const folder = this.#folder(spec.id)
    if (existsSync(folder)) throw new MayflyError("sandbox.exists", `files of a sandbox "${spec.id}" exist already`)
    try {
      await mkdir(join(folder, "etc"), { recursive: true, mode: 0o755 })
      const small = Object.entries(etcFiles("sandbox"))
      await Promise.all(small.map(([name, text]) => writeFile(join(folder, "etc", name), text)))
      if (host.isRoot) await writeFile(join(folder, "user"), String(await newUser(join(this.#directory, "boxes"))))
      await this.#makeFiles(spec, host, from)
    } catch (error) {
      await this.remove(spec.id)
      throw asDiskFull(error)
    }
  }

  async start(spec: SandboxSpec, { takeNetwork }: ProviderStartOptions = {}): Promise<ProviderSandbox> {
    const host = this.#find()
    const networking = takeNetwork?.()
    networking?.catch(() => {})
    const place = await this.#place(spec.id, host)
    if (place.image !== undefined) await waitUntilDetached(place.image)
    const { cgroups } = host
    const group =
      cgroups === undefined ? undefined : new ResourceGroup(cgroups, groupName(spec.id, nextGroup++), spec.limits)
    try {
      const limitsMemory = cgroups?.memory === undefined
      return await startSandbox({ spec, programs: host, place, group, limitsMemory, network: await networking })
    } catch (error) {
      await group?.remove()
      throw error
    }
  }

  async remove(id: string): Promise<void> {
    const image = this.#image(id)
    if (existsSync(image)) await waitUntilDetached(image)
    await rm(this.#folder(id), { recursive: true, force: true })
  }

  async snapshot(spec: SandboxSpec, snapshot: string, running: ProviderSandbox | undefined): Promise<number> {
    const host = this.#find()
    await mkdir(join(this.#directory, "snapshots"), { recursive: true, mode: 0o700 })
    const path = this.#snapshot(snapshot, host)
    const unfinished = `${path}.unfinished`
    try {
      if (host.hasImages) await this.#copyImage(spec.id, unfinished, running)
      else await this.#pack(spec, unfinished, running)
      await rename(unfinished, path)
      return (await stat(path)).blocks * 512
    } catch (error) {
      await rm(unfinished, { force: true })
      throw asDiskFull(error)
    }
  }

  async removeSnapshot(snapshot: string): Promise<void> {
    await rm(this.#snapshot(snapshot, this.#find()), { force: true })
  }

  async recover(sandboxes: ReadonlySet<string>, snapshots: ReadonlySet<string>): Promise<void> {
    const host = this.#find()
    for (const id of await namesIn(join(this.#directory, "boxes"))) {
      if (host.cgroups !== undefined) await removeStaleGroups(host.cgroups, groupPrefix(id))
      if (!sandboxes.has(id)) await this.remove(id)
    }
    for (const name of await namesIn(join(this.#directory, "snapshots")))
      if (!snapshots.has(name.split(".")[0] ?? "") || name.endsWith(".unfinished"))
        await rm(join(this.#directory, "snapshots", name), { force: true })
  }

  #find(): Host {
    if (this.#host !== undefined) return this.#host
    const found = findHostPrograms()
    const programs = this.#agent === undefined ? found : { ...found, agent: this.#agent }
    const hasImages = programs.hasImages && !this.#without.includes("images")
    const cgroups = this.#without.includes("cgroups") ? undefined : findCgroupPlaces()
    if (cgroups !== undefined) sweepGroups(cgroups)
    return (this.#host = { ...programs, hasImages, cgroups })
  }

  async #makeFiles(spec: SandboxSpec, host: Host, from: string | undefined): Promise<void> {
    const folder = this.#folder(spec.id)
    const snapshot = from === undefined ? undefined : this.#snapshot(from, host)
    if (snapshot !== undefined && !existsSync(snapshot))
      throw new MayflyError("sandbox.not-found", `the files of the snapshot "${from}" are missing`)
    if (host.hasImages) {
      if (snapshot === undefined) await makeImage(this.#image(spec.id), spec.limits.diskMb * 1_048_576)
      else await copyImage(snapshot, this.#image(spec.id))
      return
    }
    await mkdir(join(folder, "files"), { mode: 0o755 })
    if (!host.isRoot)
      for (const name of ["workspace", "home"]) await mkdir(join(folder, "files", name), { mode: 0o755 })
    if (snapshot !== undefined) await this.#restore(spec, snapshot)
  }

  async #restore(spec: SandboxSpec, archive: string): Promise<void> {
    const running = await this.start(spec)
    try {
      await unpackFiles(running, createReadStream(archive))
    } finally {
      await running.stop()
    }
  }

  async #copyImage(id: string, to: string, running: ProviderSandbox | undefined): Promise<void> {
    if (!(running instanceof BubblewrapSandbox)) return copyImage(this.#image(id), to)
    await copyImage(this.#image(id), to, { pid: running.outerPid, mount: `${this.#stage()}/files` })
  }

  async #pack(spec: SandboxSpec, to: string, running: ProviderSandbox | undefined): Promise<void> {
    const sandbox = running ?? (await this.start(spec))
    try {
      const file = await open(to, "wx", 0o600)
      await pipeline(await packFiles(sandbox), file.createWriteStream())
    } finally {
      if (running === undefined) await sandbox.stop()
    }
  }

  async #place(id: string, host: Host): Promise<SandboxPlace> {
    const folder = this.#folder(id)
    if (!existsSync(folder)) throw new MayflyError("sandbox.not-found", `the files of the sandbox "${id}" are missing`)
    return {
      image: host.hasImages ? this.#image(id) : undefined,
      files: join(folder, "files"),
      etc: join(folder, "etc"),
      mounts: join(folder, "mounts"),
      given: join(folder, "given"),
      user: host.isRoot ? Number(await readFile(join(folder, "user"), "utf8")) : undefined,
      stage: this.#stage(),
    }
  }

  /** The same for all: each sandbox mounts its own over it, where no other sees it. */
  #stage(): string {
    return existsSync("/run") ? "/run/mayfly" : join(tmpdir(), "mayfly-stage")
  }

  #folder(id: string): string {
    return join(this.#directory, "boxes", id)
  }

  #image(id: string): string {
    return join(this.#folder(id), "files.img")
  }

  #snapshot(id: string, host: Host): string {
    return join(this.#directory, "snapshots", `${id}${host.hasImages ? ".img" : ".tar.zst"}`)
  }
}

/** The name tells whose it is, so that others can clear it away when that process is gone. */
function groupName(id: string, count: number): string {
  return `${groupPrefix(id)}${(identity(process.pid) ?? "").replace(" ", "-")}-${count}`
}

/** Only empty ones: what still runs may be another's whose process can't be seen from here. */
function sweepGroups(places: CgroupPlaces): void {
  forgetEmptyGroups(places, (name) => {
    const [, pid, start] = /\.(\d+)-(\d+)-\d+$/.exec(name) ?? []
    return pid !== undefined && start !== undefined && !isAlive(`${pid} ${start}`)
  })
}

function groupPrefix(id: string): string {
  return `box-${id}.`
}

function notesOn(isRoot: boolean, cgroups: CgroupPlaces | undefined, hasImages: boolean): string[] {
  const notes: string[] = []
  if (!isRoot) notes.push("sandboxes share the kernel's user of this process: start Mayfly as root for one user each")
  if (cgroups === undefined) notes.push("no control group can be made here: memory is watched, CPU is not limited")
  if (!hasImages) notes.push("no disk image can be mounted here: the size of files is watched")
  return notes
}
