import { type FSWatcher, watch } from "node:fs"
import { lstat } from "node:fs/promises"
import { join } from "node:path"
import type { AgentCall } from "../link/agent-link.ts"

/** Lines of unread events that are kept; then the reader is told that it missed some. */
const maxUnreadBytes = 1 << 20

/** Changes below a folder as lines of JSON on stream 1, until the call is cancelled. */
export function watchFiles(call: AgentCall): void {
  const { path, recursive } = call.operation as { path: string; recursive: boolean }
  let watcher: FSWatcher
  try {
    watcher = watch(path, { recursive })
  } catch (error) {
    return call.fail(error)
  }
  const output = call.channel.writable(1)
  let hasMissed = false
  const tell = (event: Record<string, unknown>): void => {
    if (output.destroyed || output.writableEnded) return
    if (output.writableLength > maxUnreadBytes) hasMissed = true
    else output.write(`${JSON.stringify(hasMissed ? { type: "missed", path } : event)}\n`)
    if (output.writableLength <= maxUnreadBytes) hasMissed = false
  }
  watcher.on("change", (kind, name) => {
    const changed = typeof name === "string" ? join(path, name) : path
    if (kind === "change") tell({ type: "modify", path: changed })
    else
      void lstat(changed).then(
        () => tell({ type: "create", path: changed }),
        () => tell({ type: "delete", path: changed }),
      )
  })
  const end = (): void => {
    watcher.close()
    output.end(() => call.ok({}))
  }
  watcher.on("error", end)
  call.onCancel = end
  call.channel.send({ watching: true })
}
