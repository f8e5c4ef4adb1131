import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { MayflyError } from "@mayfly/protocol"

/**
 * Makes this process the only one that keeps sandboxes in a directory; another would clear away what this one is making. Gives a function that ends
 * the claim. Throws `platform.data-dir-in-use` while its owner lives. A dead owner's claim is taken over.
 */
export function claimDirectory(directory: string): () => void {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const path = join(directory, "owner")
  const claim = `${path}.${process.pid}`
  writeFileSync(claim, identity(process.pid) ?? "", { mode: 0o600 })
  try {
    for (let tries = 0; tries < 3; tries++) {
      try {
        // A link appears with its content, or not at all.
        linkSync(claim, path)
        return () => rmSync(path, { force: true })
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error
        dropDead(path, directory)
      }
    }
    throw inUse(directory, "another process")
  } finally {
    rmSync(claim, { force: true })
  }
}

function dropDead(path: string, directory: string): void {
  const owner = read(path)
  if (owner !== "" && isAlive(owner)) throw inUse(directory, `process ${owner.split(" ")[0]}`)
  rmSync(path, { force: true })
}

/** Whether a directory was claimed by a process that is gone. */
export function isAbandoned(directory: string): boolean {
  const owner = read(join(directory, "owner"))
  return owner !== "" && !isAlive(owner)
}

/** By what `identity` gave. */
export function isAlive(owner: string): boolean {
  return identity(Number(owner.split(" ")[0])) === owner
}

/** Number and start time of a process: the number alone may be given to another one later. Undefined when there is none. */
export function identity(pid: number): string | undefined {
  const stat = read(`/proc/${pid}/stat`)
  if (stat === "") return process.platform === "linux" ? undefined : String(pid)
  return `${pid} ${stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]}`
}

function inUse(directory: string, who: string): MayflyError {
  return new MayflyError("platform.data-dir-in-use", `sandboxes in "${directory}" are kept by ${who}`)
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return ""
  }
}
