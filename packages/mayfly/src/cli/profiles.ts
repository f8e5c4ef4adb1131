import { randomBytes } from "node:crypto"
import {
  closeSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs"
import { homedir } from "node:os"
import { isAbsolute, join } from "node:path"
import { invalid } from "./command-error.ts"
import { isKey } from "./is-key.ts"
import { serverUrl } from "./server-url.ts"

/** A server that somebody logged in to. */
export interface Profile {
  readonly name: string
  /** Its origin. */
  readonly url: string
  readonly key: string
}

const maxBytes = 16_384
const ending = ".json"

/**
 * Profiles are kept one per file, 0600, in the user's configuration directory: two logins at once can't undo each other, and a file is replaced as
 * a whole or not at all.
 */
export function profileFolder(): string {
  const given = process.env["XDG_CONFIG_HOME"]
  // The specification says that relative paths there are to be ignored.
  const base = given !== undefined && isAbsolute(given) ? given : join(homedir(), ".config")
  return join(base, "mayfly", "profiles")
}

/** Throws `input.invalid`. */
export function checkProfileName(name: string, option: string): string {
  if (/^[A-Za-z0-9][\w.-]{0,63}$/.test(name)) return name
  throw invalid(option, `must be letters, digits, ".", "_" and "-", at most 64, not "${name}"`)
}

/** Throws `input.invalid` when there is none of this name, or others may read it. */
export function readProfile(name: string, option = "--profile"): Profile {
  const file = fileOf(checkProfileName(name, option))
  let descriptor: number
  try {
    descriptor = openSync(file, "r")
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw unreadable(option, name, (error as Error).message)
    const known = listProfiles().join(", ")
    const there = known === "" ? "there are none yet (mayfly login URL)" : `there are: ${known}`
    throw invalid(option, `names "${name}", which is no profile; ${there}`)
  }
  try {
    checkPrivate(descriptor, file, option)
    return parseProfile(name, readFileSync(descriptor, "utf8"), option)
  } finally {
    closeSync(descriptor)
  }
}

/** Names, sorted. */
export function listProfiles(): readonly string[] {
  try {
    return readdirSync(profileFolder())
      .filter((file) => file.endsWith(ending) && !file.startsWith("."))
      .map((file) => file.slice(0, -ending.length))
      .toSorted()
  } catch {
    return []
  }
}

/** On disk when this returns, also after a crash. */
export function writeProfile({ name, url, key }: Profile): void {
  const folder = profileFolder()
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const unfinished = join(folder, `.${randomBytes(8).toString("hex")}.tmp`)
  try {
    const descriptor = openSync(unfinished, "wx", 0o600)
    try {
      writeSync(descriptor, `${JSON.stringify({ url, key })}\n`)
      fsyncSync(descriptor)
    } finally {
      closeSync(descriptor)
    }
    renameSync(unfinished, fileOf(name))
  } catch (error) {
    rmSync(unfinished, { force: true })
    throw error
  }
}

/** Whether there was one. */
export function removeProfile(name: string): boolean {
  if (!listProfiles().includes(name)) return false
  rmSync(fileOf(name), { force: true })
  return true
}

function fileOf(name: string): string {
  return join(profileFolder(), `${name}${ending}`)
}

/** Whoever could write it would choose where our requests and their data go. */
function checkPrivate(descriptor: number, file: string, option: string): void {
  const { mode, uid, size } = fstatSync(descriptor)
  const own = process.getuid?.()
  if (own !== undefined && (uid !== own || (mode & 0o077) !== 0))
    throw invalid(option, `is kept in "${file}", which others may read or write: chmod 600 it, or log in again`)
  if (size > maxBytes) throw invalid(option, `is kept in "${file}", which is no profile`)
}

function parseProfile(name: string, text: string, option: string): Profile {
  try {
    const { url, key } = JSON.parse(text) as { url: unknown; key: unknown }
    if (typeof url === "string" && typeof key === "string" && isKey(key))
      return { name, url: serverUrl(url, option).origin, key }
  } catch {
    // Said below: what stands in the file may be a key.
  }
  throw unreadable(option, name, "its file is no profile")
}

function unreadable(option: string, name: string, why: string): Error {
  return invalid(option, `names "${name}", which can't be read: ${why}. Log in again`)
}
