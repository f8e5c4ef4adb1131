import { filePathSegments } from "@mayfly/protocol"
import { followable } from "./followable.ts"
import type { SandboxHttp } from "./sandbox-http.ts"

export interface FileInfo {
  readonly path: string
  readonly type: "file" | "directory" | "symlink" | "other"
  readonly size: number
  readonly mode: number
  readonly modifiedAt: number
  readonly target?: string
}

export interface FileEvent {
  readonly type: "create" | "modify" | "delete" | "missed"
  readonly path: string
}

export type FileContent = string | Uint8Array | ReadableStream<Uint8Array>

/** Files of a sandbox. Relative paths are below /workspace. */
export class SandboxFiles {
  readonly #http: SandboxHttp

  constructor(http: SandboxHttp) {
    this.#http = http
  }

  async read(path: string, options: { readonly encoding: "utf8" }): Promise<string>
  async read(path: string): Promise<Uint8Array>
  async read(path: string, { encoding }: { readonly encoding?: "utf8" } = {}): Promise<string | Uint8Array> {
    const response = await this.#http.send("GET", at(path))
    return encoding === "utf8" ? response.text() : new Uint8Array(await response.arrayBuffer())
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
    return (await this.#http.json<{ entries: FileInfo[] }>("GET", "/files", { query: { path, recursive } })).entries
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
    for await (const { type, data } of left.until(events)) {
      if (type === "watching") await onReady?.()
      if (type !== "change") continue
      const { change, path: changed } = data as { change: FileEvent["type"]; path: string }
      yield { type: change, path: changed }
    }
  }
}

function at(path: string): string {
  return `/files/${filePathSegments(path)}`
}
