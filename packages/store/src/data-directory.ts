import { chmodSync, mkdirSync, statSync } from "node:fs"
import { resolve } from "node:path"
import { MayflyError } from "@mayfly/protocol"
import { lockDirectory } from "./directory-lock.ts"

/** A data directory that this process owns. Whoever opens it disposes it. */
export interface DataDirectory extends Disposable {
  readonly path: string
}

const open = new WeakSet<object>()

/** Whether it came from `openDataDirectory` and has not been disposed. */
export function isDataDirectory(value: unknown): value is DataDirectory {
  return typeof value === "object" && value !== null && open.has(value)
}

/** Makes the directory when needed, for its owner only, and takes it. Throws `platform.data-dir-in-use` with the owner's pid, or `input.invalid`. */
export function openDataDirectory(given: string): DataDirectory {
  const path = resolve(given)
  makePrivate(path)
  const lock = lockDirectory(path)
  if ("owner" in lock) {
    const pid = lock.owner?.pid
    const who = pid === undefined ? "another process" : `process ${pid}`
    throw new MayflyError("platform.data-dir-in-use", `${who} uses the data directory "${path}"`, {
      details: { path, ...(pid === undefined ? {} : { pid }) },
    })
  }
  const directory: DataDirectory = {
    path,
    [Symbol.dispose]() {
      if (open.delete(directory)) lock.release()
    },
  }
  open.add(directory)
  return directory
}

function makePrivate(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 })
    // It may have been there before, open to others.
    if ((statSync(path).mode & 0o077) !== 0) chmodSync(path, 0o700)
  } catch (error) {
    const message = `the data directory "${path}" can't be used: ${(error as Error).message}`
    throw new MayflyError("input.invalid", message, { details: { path: "dataDir" }, cause: error })
  }
}
