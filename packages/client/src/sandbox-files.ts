import { type FileEvent, type FileInfo, filePathSegments, MayflyError } from "@mayfly/protocol"
import { chunksOf } from "./chunks-of.ts"
import { followable } from "./followable.ts"
import type { SandboxHttp } from "./sandbox-http.ts"

export type FileContent = string | Uint8Array | ReadableStream<Uint8Array>

export interface ReadOptions {
  readonly maxBytes?: number
}

const defaultReadBytes = 256 << 20

/** Files of a sandbox. Relative paths are below /workspace. */
export class SandboxFiles {
  readonly #http: SandboxHttp

  constructor(http: SandboxHttp) {
    this.#http = http
  }

  /** A file that is larger than `maxBytes` (256 MiB) is `sandbox.file-too-large`. */
  async read(path: string, options: ReadOptions & { readonly encoding: "utf8" }): Promise<string>
  async read(path: string, options?: ReadOptions): Promise<Uint8Array>
  async read(path: string, options: ReadOptions & { readonly encoding?: "utf8" } = {}): Promise<string | Uint8Array> {
    const { encoding, maxBytes = defaultReadBytes } = options
    const parts: Uint8Array<ArrayBuffer>[] = []
    let bytes = 0
    for await (const chunk of chunksOf((await this.#http.send("GET", at(path))).body)) {
      bytes += chunk.byteLength
      if (bytes > maxBytes) throw new MayflyError("sandbox.file-too-large", `"${path}" has more than ${maxBytes} bytes`)
      parts.push(new Uint8Array(chunk))
    }
    const whole = new Blob(parts)
    return encoding === "utf8" ? whole.text() : new Uint8Array(await whole.arrayBuffer())
  }

  async readStream(
    path: string,
    { signal }: { readonly signal?: AbortSignal } = {},
  ): Promise<ReadableStream<Uint8Array>> {
    const { body } = await this.#http.send("GET", at(path), { signal })
    return body ?? new Blob([]).stream()
  }

  /** Gives the size that was written. */
  async write(
    path: string,
    data: FileContent,
    { mode, append }: { readonly mode?: number; readonly append?: boolean } = {},
  ): Promise<number> {
    const body = data instanceof Uint8Array ? new Uint8Array(data) : data
    const query = { append, mode: mode?.toString(8).padStart(3, "0") }
    const call = { body, query, contentType: "application/octet-stream", retry: append !== true }
    return (await this.#http.json<{ size: number }>("PUT", at(path), call)).size
  }

  async list(path = ".", { recursive = false }: { readonly recursive?: boolean } = {}): Promise<readonly FileInfo[]> {
    return this.#http.list("/files", "entries", { path, recursive })
  }

  async mkdir(path: string, { recursive = true }: { readonly recursive?: boolean } = {}): Promise<void> {
    await this.#http.json("POST", "/mkdir", { json: { path, recursive } })
  }

  async remove(path: string, { recursive = false }: { readonly recursive?: boolean } = {}): Promise<void> {
    await this.#http.json("DELETE", at(path), { query: { recursive } })
  }

  async rename(path: string, to: string): Promise<void> {
    await this.#http.json("POST", "/rename", { json: { path, to } })
  }

  async chmod(path: string, mode: number): Promise<void> {
    await this.#http.json("POST", "/chmod", { json: { path, mode: mode.toString(8).padStart(3, "0") } })
  }

  async stat(path: string): Promise<FileInfo> {
    return this.#http.json("GET", "/stat", { query: { path } })
  }

  async exists(path: string): Promise<boolean> {
    return (await this.#http.json<{ exists: boolean }>("GET", "/exists", { query: { path } })).exists
  }

  /** Changes below a path, from the moment that `onReady` is called. Ends when the signal fires, or the loop is left. */
  async *watch(
    path = ".",
    options: { readonly recursive?: boolean; readonly signal?: AbortSignal; readonly onReady?: () => unknown } = {},
  ): AsyncGenerator<FileEvent, void, void> {
    const { recursive = true, signal, onReady } = options
    using left = followable(signal)
    const events = this.#http.events("GET", "/watch", { query: { path, recursive }, signal: left.signal })
    for await (const { event, data } of left.until(events)) {
      if (event === "watching") await onReady?.()
      if (event !== "change") continue
      const { change, path: changed } = data as { change: FileEvent["type"]; path: string }
      yield { type: change, path: changed }
    }
  }
}

function at(path: string): string {
  return `/files/${filePathSegments(path)}`
}
