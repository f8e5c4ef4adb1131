import { createHash } from "node:crypto"
import { createReadStream, existsSync, realpathSync } from "node:fs"
import { chown, mkdir, open, readFile, rename, rm, stat, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { pipeline } from "node:stream/promises"
import { MayflyError } from "@mayfly/protocol"
import { objectOf } from "../agent-answer.ts"
import { packFiles, unpackFiles } from "../archive.ts"
import { agentFolder } from "../bubblewrap/host-programs.ts"
import { newUser } from "../bubblewrap/user-ids.ts"
import { asDiskFull } from "../disk-full.ts"
import { namesIn } from "../names-in.ts"
import { removeTree } from "../remove-tree.ts"
import type {
  Enforcement,
  ProviderReport,
  ProviderSandbox,
  ProviderStartOptions,
  SandboxProvider,
  SandboxSpec,
} from "../sandbox-provider.ts"
import { unavailable } from "../unavailable.ts"
import { containerEtc, homeLabel } from "./container-options.ts"
import type { DockerOptions } from "./docker-options.ts"
import { EngineClient } from "./engine-client.ts"
import { seccompProfile } from "./seccomp-profile.ts"
import { removeContainer, startContainer } from "./start-container.ts"

export type { DockerOptions } from "./docker-options.ts"

const defaultImage = "node:24-bookworm"
const defaultSocket = "/var/run/docker.sock"

interface Engine {
  readonly client: EngineClient
  readonly limits: ProviderReport["limits"]
  readonly hasUserMap: boolean
  /** Whether this process may enter a container's network: it must be root, and so must the engine. */
  readonly hasNetwork: boolean
}

/** Sandboxes in containers of an engine on this machine: the same agent, the same rules, and somebody else's program to keep them in. */
export class DockerProvider implements SandboxProvider {
  readonly name = "docker"
  readonly #directory: string
  readonly #options: DockerOptions
  #engine: Engine | undefined

  constructor({ directory, ...options }: DockerOptions & { readonly directory: string }) {
    this.#directory = directory
    this.#options = options
  }

  async probe(): Promise<ProviderReport> {
    const { limits, hasNetwork } = await this.#find()
    return {
      provider: this.name,
      isolation: "container",
      limits,
      snapshots: "archive",
      unsupported: hasNetwork ? [] : ["network"],
      notes: [
        "a container shares the kernel, and its root is the kernel's: sandboxes run as users of their own with no rights",
        "the size of files is watched",
        ...(hasNetwork ? [] : ["only root may open a way out of a container: sandboxes reach nothing"]),
      ],
    }
  }

  async create(spec: SandboxSpec, from?: string): Promise<void> {
    await this.#find()
    const folder = this.#folder(spec.id)
    if (existsSync(folder)) throw new MayflyError("sandbox.exists", `files of a sandbox "${spec.id}" exist already`)
    const snapshot = from === undefined ? undefined : this.#snapshot(from)
    if (snapshot !== undefined && !existsSync(snapshot))
      throw new MayflyError("sandbox.not-found", `the files of the snapshot "${from}" are missing`)
    try {
      await this.#makeFolders(spec.id, await this.#newUser())
      if (snapshot !== undefined) await this.#restore(spec, snapshot)
    } catch (error) {
      await this.remove(spec.id)
      throw asDiskFull(error)
    }
  }

  async start(spec: SandboxSpec, { onNetwork }: ProviderStartOptions = {}): Promise<ProviderSandbox> {
    const { client, hasUserMap, hasNetwork } = await this.#find()
    const folder = this.#folder(spec.id)
    if (!existsSync(folder)) throw new MayflyError("sandbox.not-found", `the files of "${spec.id}" are missing`)
    const place = {
      workspace: join(folder, "files", "workspace"),
      home: join(folder, "files", "home"),
      etc: join(folder, "etc"),
      agent: realpathSync(agentFolder()),
      node: this.#usesHostNode ? realpathSync(process.execPath) : undefined,
      user: Number(await readFile(join(folder, "user"), "utf8")),
    }
    const { id, limits } = spec
    const request = { id, owner: this.#owner, image: this.#image, limits, place, hasUserMap }
    const files = join(folder, "files")
    return startContainer({ spec, engine: client, request, files, onNetwork: hasNetwork ? onNetwork : undefined })
  }

  async remove(id: string): Promise<void> {
    await removeTree(this.#folder(id))
  }

  async snapshot(spec: SandboxSpec, snapshot: string, running: ProviderSandbox | undefined): Promise<number> {
    await mkdir(join(this.#directory, "snapshots"), { recursive: true, mode: 0o700 })
    const path = this.#snapshot(snapshot)
    const unfinished = `${path}.unfinished`
    const sandbox = running ?? (await this.start(spec))
    try {
      const file = await open(unfinished, "wx", 0o600)
      await pipeline(await packFiles(sandbox), file.createWriteStream())
      await rename(unfinished, path)
      return (await stat(path)).size
    } catch (error) {
      await rm(unfinished, { force: true })
      throw asDiskFull(error)
    } finally {
      if (running === undefined) await sandbox.stop()
    }
  }

  async removeSnapshot(snapshot: string): Promise<void> {
    await rm(this.#snapshot(snapshot), { force: true })
  }

  /** No container of ours can be in use: the folder is this process's alone. */
  async recover(sandboxes: ReadonlySet<string>, snapshots: ReadonlySet<string>): Promise<void> {
    const { client } = await this.#find()
    const filters = encodeURIComponent(JSON.stringify({ label: [`${homeLabel}=${this.#owner}`] }))
    const { body } = await client.call("GET", `/containers/json?all=1&filters=${filters}`)
    for (const container of Array.isArray(body) ? (body as unknown[]) : [])
      await removeContainer(client, String(objectOf(container)["Id"]))
    for (const id of await namesIn(join(this.#directory, "boxes"))) if (!sandboxes.has(id)) await this.remove(id)
    for (const name of await namesIn(join(this.#directory, "snapshots")))
      if (!snapshots.has(name.split(".")[0] ?? "") || name.endsWith(".unfinished"))
        await rm(join(this.#directory, "snapshots", name), { force: true })
  }

  get #image(): string {
    return this.#options.image ?? defaultImage
  }

  get #usesHostNode(): boolean {
    return (this.#options.node ?? (process.platform === "linux" ? "host" : "image")) === "host"
  }

  /** Tells our containers from those of another Mayfly on the same engine. */
  get #owner(): string {
    return createHash("sha256").update(this.#directory).digest("hex").slice(0, 32)
  }

  async #find(): Promise<Engine> {
    if (this.#engine !== undefined) return this.#engine
    if (process.platform !== "linux")
      throw unavailable(`the provider "docker" needs Linux; this is ${process.platform}`)
    if (seccompProfile() === undefined) throw unavailable(`no system call filter is known for ${process.arch}`)
    const client = new EngineClient(socketOf(this.#options.socketPath))
    const info = objectOf((await client.call("GET", "/info")).body)
    if (info["OSType"] !== "linux") throw unavailable("the Docker engine runs no Linux containers")
    const security = JSON.stringify(info["SecurityOptions"] ?? [])
    if (!security.includes("name=seccomp")) throw unavailable("the Docker engine has no system call filters")
    const image = await client.call("GET", `/images/${encodeURIComponent(this.#image)}/json`, { allowed: [404] })
    if (image.status === 404)
      throw unavailable(`the Docker engine has no image "${this.#image}" (docker pull ${this.#image})`)
    const hard = (name: string): Enforcement => (info[name] === true ? "hard" : "none")
    return (this.#engine = {
      client,
      limits: {
        memoryMb: hard("MemoryLimit"),
        cpus: hard("CpuCfsQuota"),
        processes: hard("PidsLimit"),
        diskMb: "watchdog",
        wallMs: "hard",
      },
      hasUserMap: security.includes("name=userns"),
      hasNetwork: process.getuid?.() === 0 && !security.includes("name=rootless"),
    })
  }

  async #makeFolders(id: string, user: number): Promise<void> {
    const folder = this.#folder(id)
    await mkdir(join(folder, "etc"), { recursive: true, mode: 0o755 })
    for (const [name, text] of Object.entries(containerEtc(user))) await writeFile(join(folder, "etc", name), text)
    await writeFile(join(folder, "user"), String(user))
    for (const name of ["workspace", "home"]) {
      const path = join(folder, "files", name)
      await mkdir(path, { recursive: true, mode: 0o755 })
      await chown(path, user, user)
    }
  }

  async #restore(spec: SandboxSpec, archive: string): Promise<void> {
    const running = await this.start(spec)
    try {
      await unpackFiles(running, createReadStream(archive))
    } finally {
      await running.stop()
    }
  }

  /** Never root's, which is the kernel's in a container too. */
  async #newUser(): Promise<number> {
    const own = process.getuid?.() ?? 0
    if (own !== 0) return own
    return newUser(join(this.#directory, "boxes"))
  }

  #folder(id: string): string {
    return join(this.#directory, "boxes", id)
  }

  #snapshot(id: string): string {
    return join(this.#directory, "snapshots", `${id}.tar.zst`)
  }
}

function socketOf(given: string | undefined): string {
  if (given !== undefined) return given
  const host = process.env["DOCKER_HOST"]
  if (host === undefined || host === "") return defaultSocket
  if (host.startsWith("unix://")) return host.slice("unix://".length)
  throw unavailable(`DOCKER_HOST is "${host.slice(0, 100)}": sandboxes need an engine on this machine, at unix://…`)
}
