import { type FSWatcher, readdirSync, watch } from "node:fs"
import { lstat } from "node:fs/promises"
import { join } from "node:path"
import type { AgentCall } from "../link/agent-link.ts"
import { shownPath } from "./files-root.ts"

/** Lines of unread events that are kept; then the reader is told that it missed some. */
const maxUnreadBytes = 1 << 20
const maxFolders = 10_000

type Tell = (type: "create" | "modify" | "delete" | "missed", path: string) => void

/** Changes below a folder as lines of JSON on stream 1, until the call is cancelled. */
export function watchFiles(call: AgentCall): void {
  const { path, recursive } = call.operation as { path: string; recursive: boolean }
  const output = call.channel.writable(1)
  let hasMissed = false
  const tell: Tell = (type, changed) => {
    if (output.destroyed || output.writableEnded) return
    if (output.writableLength > maxUnreadBytes) {
      hasMissed = true
      return
    }
    output.write(
      `${JSON.stringify(hasMissed ? { type: "missed", path: shownPath(path) } : { type, path: shownPath(changed) })}\n`,
    )
    hasMissed = false
  }
  const folders = new WatchedFolders(recursive, tell)
  try {
    folders.add(path)
  } catch (error) {
    return call.fail(error)
  }
  call.onCancel = () => {
    folders.close()
    output.end(() => call.ok({}))
  }
  call.channel.send({ watching: true })
}

/** A watch on each folder. Node's own recursive one loses files that come and go quickly. */
class WatchedFolders {
  readonly #isRecursive: boolean
  readonly #tell: Tell
  readonly #watchers = new Map<string, FSWatcher>()

  constructor(isRecursive: boolean, tell: Tell) {
    this.#isRecursive = isRecursive
    this.#tell = tell
  }

  /** Throws when it can't be watched. */
  add(path: string): void {
    if (this.#watchers.has(path)) return
    if (this.#watchers.size >= maxFolders) return this.#tell("missed", path)
    const watcher = watch(path)
    this.#watchers.set(path, watcher)
    watcher.on("error", () => this.#remove(path))
    watcher.on("change", (kind, name) => {
      if (typeof name === "string") void this.#changed(join(path, name), kind)
    })
    if (!this.#isRecursive) return
    for (const entry of readdirSync(path, { withFileTypes: true }))
      if (entry.isDirectory()) this.#addNew(join(path, entry.name))
  }

  close(): void {
    for (const watcher of this.#watchers.values()) watcher.close()
    this.#watchers.clear()
  }

  async #changed(path: string, kind: string): Promise<void> {
    if (kind === "change") return this.#tell("modify", path)
    const found = await lstat(path).catch(() => undefined)
    this.#tell(found === undefined ? "delete" : "create", path)
    if (found === undefined) this.#remove(path)
    else if (found.isDirectory() && this.#isRecursive) this.#addNew(path)
  }

  /** It may be gone again. */
  #addNew(path: string): void {
    try {
      this.add(path)
    } catch {
      this.#remove(path)
    }
  }

  #remove(path: string): void {
    for (const [folder, watcher] of this.#watchers) {
      if (folder !== path && !folder.startsWith(`${path}/`)) continue
      watcher.close()
      this.#watchers.delete(folder)
    }
  }
}
