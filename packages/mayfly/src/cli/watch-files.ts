import { type FSWatcher, watch } from "node:fs"
import { basename, dirname, extname, resolve } from "node:path"

/** Watches until something changes, once. Whoever starts it disposes it. */
export interface FileChanges extends Disposable {
  /** Fires a moment after the first change. */
  readonly signal: AbortSignal
  /** Watches the folders of these files too. */
  alsoWatch(files: readonly string[]): void
}

/** Editors write in several steps: name, content, time. */
const settleMs = 60
const codeEndings = [".js", ".mjs", ".cjs", ".ts", ".mts", ".json"]

/**
 * Watches the folders of `file` and of the files `known` to belong to it, not the files, which editors replace. Of other files only code and those known to belong to the program
 * count: the program's own output may go to a file beside it.
 */
export function watchFiles(file: string, known: readonly string[]): FileChanges {
  const abort = new AbortController()
  const watchers = new Map<string, FSWatcher>()
  const names = new Set<string>()
  let timer: NodeJS.Timeout | undefined
  const changed = (name: string | null): void => {
    if (name !== null && !names.has(name) && !codeEndings.includes(extname(name))) return
    timer ??= setTimeout(() => abort.abort(new Error("the program changed")), settleMs)
  }
  const watchFolder = (folder: string): void => {
    if (watchers.has(folder)) return
    const watcher = watch(folder, (_event, name) => changed(name))
    // A folder that is gone has changed for the last time.
    watcher.on("error", () => changed(null))
    watchers.set(folder, watcher)
  }
  const alsoWatch = (files: readonly string[]): void => {
    for (const path of files) {
      names.add(basename(path))
      watchFolder(dirname(resolve(path)))
    }
  }
  alsoWatch([file, ...known])
  return {
    signal: abort.signal,
    alsoWatch,
    [Symbol.dispose]() {
      clearTimeout(timer)
      for (const watcher of watchers.values()) watcher.close()
    },
  }
}
