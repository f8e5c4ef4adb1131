import { join } from "node:path"
import { MayflyError, type ProviderReport } from "@mayfly/protocol"
import { BubblewrapProvider } from "./bubblewrap/bubblewrap-provider.ts"
import { type DockerOptions, DockerProvider } from "./docker/docker-provider.ts"
import type { SandboxProvider } from "./sandbox-provider.ts"
import type { SandboxRegistry } from "./sandbox-registry.ts"
import { VirtualProvider } from "./virtual/virtual-provider.ts"

/** In the order of how much they keep a guest in. */
export const providerNames: readonly string[] = ["bubblewrap", "docker", "virtual"]
const defaultName = "bubblewrap"

export interface ProvidersOptions {
  readonly directory: string
  /** Of sandboxes that name none. Default "bubblewrap". */
  readonly provider: string | ((directory: string) => SandboxProvider) | undefined
  readonly docker: DockerOptions | undefined
}

/** The providers of one folder, each made ready when it is first needed: that one can't be had here says nothing of the others. */
export class SandboxProviders {
  readonly #options: ProvidersOptions
  readonly #registry: SandboxRegistry
  /** Made by whoever uses this as a library, or by a test. */
  readonly #given: SandboxProvider | undefined
  readonly #ready = new Map<string, Promise<SandboxProvider>>()

  constructor(options: ProvidersOptions, registry: SandboxRegistry) {
    this.#options = options
    this.#registry = registry
    this.#given = typeof options.provider === "function" ? options.provider(options.directory) : undefined
  }

  get defaultName(): string {
    const { provider } = this.#options
    return this.#given?.name ?? (typeof provider === "string" ? provider : defaultName)
  }

  /** Rejects with `sandbox.unavailable` when it can't be had here, with `input.invalid` for a name that none has. */
  get(name: string): Promise<SandboxProvider> {
    let ready = this.#ready.get(name)
    if (ready === undefined) {
      ready = this.#prepare(name).catch((error: unknown) => {
        // Asked again, it tries again.
        this.#ready.delete(name)
        throw error
      })
      this.#ready.set(name, ready)
    }
    return ready
  }

  async probe(name: string): Promise<ProviderReport> {
    return (await this.get(name)).probe()
  }

  async #prepare(name: string): Promise<SandboxProvider> {
    const provider = this.#make(name)
    await provider.probe()
    const boxes = (await this.#registry.list(undefined)).filter((record) => record.provider === name)
    const snapshots = (await this.#registry.listSnapshots(undefined)).filter((snapshot) => snapshot.provider === name)
    await provider.recover(new Set(boxes.map(({ key }) => key)), new Set(snapshots.map(({ id }) => id)))
    return provider
  }

  #make(name: string): SandboxProvider {
    const { directory, docker } = this.#options
    if (this.#given?.name === name) return this.#given
    switch (name) {
      case "bubblewrap":
        return new BubblewrapProvider({ directory })
      case "docker":
        return new DockerProvider({ ...docker, directory: join(directory, "docker") })
      case "virtual":
        return new VirtualProvider({ directory: join(directory, "virtual") })
      default:
        throw new MayflyError("input.invalid", `provider must be one of ${providerNames.join(", ")}`, {
          details: { path: "provider" },
        })
    }
  }
}
