import { randomBytes } from "node:crypto"
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { isAlive, ownIdentity, type ProcessIdentity } from "./process-identity.ts"

interface LockRecord extends ProcessIdentity {
  readonly nonce: string
}

export interface DirectoryLock {
  /** Calling twice is safe. */
  release(): void
}

/** Who has the lock; undefined when nothing tells. */
export interface LockOwner {
  readonly owner: ProcessIdentity | undefined
}

const recordName = "lock"
const heldName = "lock.db"

/**
 * Takes the lock of a directory, or says who has it. The system holds it for as long as this process lives, so that it counts between containers that share a
 * volume too: to each its own number is 1, and the other's process is not there. A record beside it says who has it, and alone counts for those who do not know
 * the other lock yet.
 */
export function lockDirectory(directory: string): DirectoryLock | LockOwner {
  const path = join(directory, recordName)
  const held = holdFile(join(directory, heldName))
  const found = readRecord(path)
  if (held === undefined) return { owner: found }
  if (found !== undefined && isAlive(found)) {
    held.close()
    return { owner: found }
  }
  const nonce = randomBytes(8).toString("hex")
  try {
    // Whole or not at all. Nobody else writes here while we hold the file.
    writeFileSync(`${path}.new`, JSON.stringify({ ...ownIdentity(), nonce }), { mode: 0o600 })
    renameSync(`${path}.new`, path)
  } catch (error) {
    held.close()
    throw error
  }
  return {
    release() {
      if (!held.isOpen) return
      if (readRecord(path)?.nonce === nonce) rmSync(path, { force: true })
      held.close()
    },
  }
}

/** Where the owner listens, in the directory. The name is short: a socket's whole path must have fewer than 108 bytes. */
export const ownerSocketName = "owner.sock"

/** Who owns a directory, as far as can be seen from here without taking it: a process that takes it just now, or in another container, is missed. */
export function directoryOwner(directory: string): ProcessIdentity | undefined {
  const found = readRecord(join(directory, recordName))
  return found === undefined || !isAlive(found) ? undefined : found
}

/** SQLite's lock of a file is the system's, and is held without a program beside us. Undefined when another has it. */
function holdFile(path: string): DatabaseSync | undefined {
  // Before SQLite makes it with the rights that files have by default.
  writeFileSync(path, "", { mode: 0o600, flag: "a" })
  const file = new DatabaseSync(path, { timeout: 0 })
  try {
    file.exec("BEGIN EXCLUSIVE")
    return file
  } catch (error) {
    file.close()
    if ((error as { readonly errcode?: number }).errcode === sqliteBusy) return undefined
    throw error
  }
}

/** https://www.sqlite.org/rescode.html#busy */
const sqliteBusy = 5

function readRecord(path: string): LockRecord | undefined {
  try {
    const { pid, started, nonce } = JSON.parse(readFileSync(path, "utf8")) as Partial<LockRecord>
    if (!Number.isInteger(pid) || typeof nonce !== "string") return undefined
    return { pid: Number(pid), started: typeof started === "string" ? started : null, nonce }
  } catch {
    // There is none, or it is broken.
    return undefined
  }
}
