import { Readable } from "node:stream"
import { MayflyError, type FileEvent, type FileInfo } from "@mayfly/protocol"
import { ByteCollector } from "./byte-collector.ts"
import type { Lease, LiveSandbox } from "./live-sandbox.ts"
import { invalid, parsePath } from "./sandbox-options.ts"
import type { ProviderFiles } from "./sandbox-provider.ts"

export type FileContent = string | Uint8Array | ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>

export interface ReadOptions {
  /** A file that is larger is `sandbox.file-too-large`. Default 256 MiB. */
  readonly maxBytes?: number
}

const defaultReadBytes = 256 << 20

/**
 * Files of a sandbox, as seen from inside: relative paths are below /workspace. Errors: `sandbox.file-not-found`, `sandbox.disk-full`,
 * `sandbox.file` with the errno in its details.
 */
export class SandboxFiles {
  readonly #live: LiveSandbox
  readonly #prefix: string | undefined

  constructor(live: LiveSandbox, prefix?: string) {
    this.#live = live
    this.#prefix = prefix
  }

  /**
   * The same files for a caller who may touch only what is below a folder. Relative paths are below that folder; a path that leads out of it, by its text
   * or through links, is `sandbox.file` with the errno EACCES. A folder that is itself a link holds nothing.
   */
  within(prefix: string): SandboxFiles {
    return new SandboxFiles(this.#live, this.#path(prefix, "prefix"))
  }

  async read(path: string, options: ReadOptions & { readonly encoding: "utf8" }): Promise<string>
  async read(path: string, options?: ReadOptions): Promise<Uint8Array>
  async read(path: string, options: ReadOptions & { readonly encoding?: "utf8" } = {}): Promise<string | Uint8Array> {
    const { encoding, maxBytes = defaultReadBytes } = options
    if (encoding !== undefined && encoding !== "utf8")
      throw invalid("encoding", 'must be "utf8", or left out for bytes')
    return this.#with(async (files) => {
      const found = new ByteCollector(maxBytes)
      for await (const chunk of (await files.read(this.#path(path), { maxBytes })) as AsyncIterable<Buffer>) {
        found.append(chunk)
        // It may have grown meanwhile, have no end, as devices, or the agent lies.
        if (found.isCut) break
      }
      if (found.isCut) throw new MayflyError("sandbox.file-too-large", `"${path}" has more than ${maxBytes} bytes`)
      return encoding === "utf8" ? new TextDecoder().decode(found.bytes()) : found.bytes()
    })
  }

  /** The bytes from `start` up to `end`, as they are asked for. */
  async readStream(
    path: string,
    { start, end }: { readonly start?: number; readonly end?: number } = {},
  ): Promise<ReadableStream<Uint8Array>> {
    for (const [name, value] of Object.entries({ start, end }))
      if (value !== undefined && (!Number.isSafeInteger(value) || value < 0))
        throw invalid(name, "must be a whole number of bytes")
    const lease = await this.#live.use()
    try {
      const range = { ...(start === undefined ? {} : { start }), ...(end === undefined ? {} : { end }) }
      const readable = await this.#filesOf(lease).read(this.#path(path), range)
      readable.once("close", () => lease[Symbol.dispose]())
      return Readable.toWeb(readable) as ReadableStream<Uint8Array>
    } catch (error) {
      lease[Symbol.dispose]()
      throw error
    }
  }

  /** Makes missing folders. A file that is there stays as it was until all is written. Gives the size. */
  async write(path: string, data: FileContent, options: { mode?: number; append?: boolean } = {}): Promise<number> {
    const { mode } = options
    if (mode !== undefined && (!Number.isInteger(mode) || mode < 0 || mode > 0o777))
      throw invalid("mode", "must be from 0 to 0o777")
    const source = sourceOf(data)
    return this.#with((files) => files.write(this.#path(path), source, options))
  }

  /** Entries of a folder, by name; `recursive`: of all folders below it as well. */
  async list(path = ".", { recursive = false }: { recursive?: boolean } = {}): Promise<readonly FileInfo[]> {
    return this.#with((files) => files.list(this.#path(path), { recursive }))
  }

  async mkdir(path: string, { recursive = true }: { recursive?: boolean } = {}): Promise<void> {
    await this.#with((files) => files.mkdir(this.#path(path), recursive))
  }

  /** A folder that is not empty needs `recursive`. */
  async remove(path: string, { recursive = false }: { recursive?: boolean } = {}): Promise<void> {
    await this.#with((files) => files.remove(this.#path(path), recursive))
  }

  async rename(path: string, to: string): Promise<void> {
    await this.#with((files) => files.rename(this.#path(path), this.#path(to, "to")))
  }

  async chmod(path: string, mode: number): Promise<void> {
    if (!Number.isInteger(mode) || mode < 0 || mode > 0o777) throw invalid("mode", "must be from 0 to 0o777")
    await this.#with((files) => files.chmod(this.#path(path), mode))
  }

  /** Of a link, not of what it leads to. */
  async stat(path: string): Promise<FileInfo> {
    return this.#with((files) => files.stat(this.#path(path)))
  }

  async exists(path: string): Promise<boolean> {
    try {
      await this.stat(path)
      return true
    } catch (error) {
      const { code } = error as { code?: unknown }
      const { errno } = (error as { details?: { errno?: unknown } }).details ?? {}
      if (code === "sandbox.file-not-found" || errno === "ENOTDIR") return false
      throw error
    }
  }

  /** Changes as they happen, until the loop is left or the signal aborts. Keeps the sandbox awake. */
  async *watch(
    path = ".",
    { recursive = true, signal, onReady }: { recursive?: boolean; signal?: AbortSignal; onReady?: () => unknown } = {},
  ): AsyncGenerator<FileEvent, void, void> {
    using lease = await this.#live.use()
    const left = new AbortController()
    const either = signal === undefined ? left.signal : AbortSignal.any([left.signal, signal])
    try {
      yield* this.#filesOf(lease).watch(this.#path(path), { recursive, signal: either, onReady })
    } finally {
      left.abort()
    }
  }

  #path(path: unknown, name = "path"): string {
    if (this.#prefix === undefined) return parsePath(path, name)
    const resolved = parsePath(path, name, this.#prefix)
    if (isBelow(resolved, this.#prefix)) return resolved
    throw new MayflyError("sandbox.file", `"${resolved}" is not below "${this.#prefix}"`, {
      details: { errno: "EACCES" },
    })
  }

  #filesOf({ sandbox }: Lease): ProviderFiles {
    return this.#prefix === undefined ? sandbox.files : sandbox.files.within(this.#prefix)
  }

  async #with<T>(work: (files: ProviderFiles) => Promise<T>): Promise<T> {
    using lease = await this.#live.use()
    return await work(this.#filesOf(lease))
  }
}

function isBelow(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder === "/" ? "/" : `${folder}/`)
}

function sourceOf(data: FileContent): AsyncIterable<Uint8Array> {
  if (typeof data === "string") return once(Buffer.from(data))
  if (data instanceof Uint8Array) return once(data)
  if (typeof data === "object" && data !== null && Symbol.asyncIterator in data) return data
  throw invalid("data", "must be a text, bytes or a stream of bytes")
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, void> {
  yield bytes
}
