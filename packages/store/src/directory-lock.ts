import { randomBytes } from "node:crypto"
import { linkSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { isAlive, ownIdentity, type ProcessIdentity } from "./process-identity.ts"

interface LockRecord extends ProcessIdentity {
  readonly nonce: string
}

export interface DirectoryLock {
  /** Calling twice is safe. */
  release(): void
}

const first = "lock"
const leftoverMs = 60_000

/**
 * Takes the lock of a directory, or says who has it. Two processes that find the same dead owner must not both take over, and a file can't be
 * replaced only if it still holds what one has read. So a lock is never replaced: the owner is the last record of a chain, in which the
 * successor of a dead record stands in a file named after it, and a file can be made only once (`link` fails when there is one).
 */
export function lockDirectory(directory: string): DirectoryLock | { readonly owner: ProcessIdentity } {
  const record: LockRecord = { ...ownIdentity(), nonce: randomBytes(8).toString("hex") }
  const own = join(directory, `${first}.new-${record.nonce}`)
  writeFileSync(own, JSON.stringify(record), { mode: 0o600, flag: "wx" })
  for (let name = first; ;) {
    if (tryLink(own, join(directory, name))) {
      // Later processes find the owner at once; those on their way along the chain still find it at its end.
      if (name === first) rmSync(own)
      else renameSync(own, join(directory, first))
      removeLeftovers(directory, name)
      return { release: () => release(directory, record) }
    }
    const found = readRecord(join(directory, name))
    // It was released while we looked: start over.
    if (found === "gone") name = first
    else if (found !== "broken" && isAlive(found)) {
      rmSync(own)
      return { owner: { pid: found.pid, started: found.started } }
    } else name = `${first}.${found === "broken" ? "broken" : found.nonce}`
  }
}

/** Where the owner listens, in the directory. The name is short: a socket's whole path must have fewer than 108 bytes. */
export const ownerSocketName = "owner.sock"

/** Who owns a directory, as far as can be seen without taking it: a process that takes over just now may be missed. */
export function directoryOwner(directory: string): ProcessIdentity | undefined {
  const found = readRecord(join(directory, first))
  return found === "gone" || found === "broken" || !isAlive(found) ? undefined : found
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false
    throw error
  }
}

function readRecord(path: string): LockRecord | "gone" | "broken" {
  try {
    const { pid, started, nonce } = JSON.parse(readFileSync(path, "utf8")) as Partial<LockRecord>
    const isRecord = Number.isInteger(pid) && typeof nonce === "string" && /^[0-9a-f]{16}$/.test(nonce)
    return isRecord ? { pid: Number(pid), started: typeof started === "string" ? started : null, nonce } : "broken"
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOENT" ? "gone" : "broken"
  }
}

function release(directory: string, { nonce }: LockRecord): void {
  const path = join(directory, first)
  const found = readRecord(path)
  if (found !== "gone" && found !== "broken" && found.nonce === nonce) rmSync(path, { force: true })
}

/** Old links of the chain. Young ones stay: another process may be reading its way along them. */
function removeLeftovers(directory: string, current: string): void {
  for (const name of readdirSync(directory)) {
    if (!name.startsWith(`${first}.`) || name === current) continue
    const path = join(directory, name)
    const age = Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now())
    if (age > leftoverMs) rmSync(path, { force: true })
  }
}
