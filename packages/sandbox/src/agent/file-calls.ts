import { constants, type Dirent, type Stats } from "node:fs"
import {
  type FileHandle,
  chmod,
  lstat,
  mkdir,
  open,
  opendir,
  readlink,
  realpath,
  rename,
  rm,
  stat,
} from "node:fs/promises"
import { basename, dirname, join } from "node:path"
import type { Readable, Writable } from "node:stream"
import { pipeline } from "node:stream/promises"
import type { AgentCall } from "../link/agent-link.ts"
import { missing } from "./base-environment.ts"
import { shownPath } from "./files-root.ts"

type Handler = (call: AgentCall) => Promise<unknown>

/** Calls on files. They run as the sandbox's user on its own mounts, so a link can lead only to what the guest sees anyway. */
export const fileCalls: Readonly<Record<string, Handler>> = {
  "file-read": readFile,
  "file-write": writeFile,
  "file-list": listFolder,
  "file-stat": async (call) => describe(pathOf(call), await lstat(pathOf(call))),
  "file-mkdir": async (call) => {
    await mkdir(pathOf(call), { recursive: call.operation["recursive"] === true })
  },
  "file-remove": async (call) => {
    const isRecursive = call.operation["recursive"] === true
    const path = pathOf(call)
    if (!isRecursive && (await lstat(path)).isDirectory()) throw missing("EISDIR", `"${path}" is a folder`)
    await rm(path, { recursive: isRecursive, force: false })
  },
  "file-rename": async (call) => {
    const to = String(call.operation["to"])
    await mkdir(dirname(to), { recursive: true })
    await rename(pathOf(call), to)
  },
  "file-chmod": (call) => chmod(pathOf(call), call.operation["mode"] as number),
}

function pathOf(call: AgentCall): string {
  return String(call.operation["path"])
}

async function readFile(call: AgentCall): Promise<unknown> {
  const path = pathOf(call)
  // A named pipe would block a thread of this process for good.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const found = await file.stat()
    if (found.isDirectory()) throw missing("EISDIR", `"${path}" is a folder`)
    if (!found.isFile() && !found.isCharacterDevice()) throw missing("EINVAL", `"${path}" is not a file`)
    const { maxBytes } = call.operation as { maxBytes: number | null }
    if (maxBytes !== null && found.size > maxBytes) throw missing("EFBIG", `"${path}" has ${found.size} bytes`)
    const { start, end } = call.operation as { start: number | null; end: number | null }
    call.channel.send({ size: found.size })
    const range = { ...(start === null ? {} : { start }), ...(end === null ? {} : { end: end - 1 }) }
    if (end === null || end > (start ?? 0))
      await pipeline(file.createReadStream({ ...range, highWaterMark: 262_144, autoClose: false }), sink(call))
    return { size: found.size }
  } finally {
    await file.close()
  }
}

function sink(call: AgentCall): Writable {
  const stream = call.channel.writable(1)
  call.onCancel = () => stream.destroy()
  return stream
}

/** Written beside and renamed: a disk that is full, or a call that is cut off, leaves the old file as it was. */
async function writeFile(call: AgentCall): Promise<unknown> {
  const given = pathOf(call)
  const { mode, append } = call.operation as { mode: number | null; append: boolean }
  await mkdir(dirname(given), { recursive: true })
  const source = call.channel.readable(0)
  call.onCancel = () => source.destroy(missing("ECANCELED", "the call was cancelled"))
  const path = await realpath(given).catch(() => given)
  const old = await lstat(path).catch(() => undefined)
  if (old?.isDirectory() === true) throw missing("EISDIR", `"${given}" is a folder`)
  if (append || (old !== undefined && !old.isFile())) return writeInPlace(path, source, append)
  // Not `node:crypto`: that is a megabyte in every sandbox. The name need not be a secret, the file is made anew or not at all.
  const beside = join(dirname(path), `.${basename(path).slice(0, 100)}.${Math.random().toString(36).slice(2)}`)
  try {
    const size = await writeTo(await open(beside, "wx", mode ?? (old === undefined ? 0o644 : old.mode & 0o777)), source)
    await rename(beside, path)
    return { size }
  } catch (error) {
    await rm(beside, { force: true })
    throw error
  }
}

async function writeInPlace(path: string, source: Readable, isAppend: boolean): Promise<unknown> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_NONBLOCK | (isAppend ? constants.O_APPEND : 0)
  return { size: await writeTo(await open(path, flags, 0o644), source) }
}

async function writeTo(file: FileHandle, source: Readable): Promise<number> {
  let size = 0
  try {
    for await (const chunk of source as AsyncIterable<Buffer>) {
      await file.writeFile(chunk)
      size += chunk.length
    }
    // The disk may refuse only now. Some files have nothing to do for it; and Node 26 does not let a process with permissions ask, as the virtual provider's.
    await file.datasync().catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EINVAL" && error.code !== "ERR_ACCESS_DENIED") throw error
    })
  } finally {
    await file.close()
  }
  return size
}

/** Entries as lines of JSON on stream 1. Folders that vanish meanwhile are left out. */
async function listFolder(call: AgentCall): Promise<unknown> {
  const { recursive, maxEntries } = call.operation as { recursive: boolean; maxEntries: number }
  const root = pathOf(call)
  if (!(await stat(root)).isDirectory()) throw missing("ENOTDIR", `"${root}" is not a folder`)
  const output = sink(call)
  let left = maxEntries
  const folders = [root]
  for (let folder = folders.shift(); folder !== undefined && left > 0; folder = folders.shift()) {
    for (const entry of await entriesOf(folder, folder === root)) {
      if (left-- <= 0 || output.destroyed) break
      const path = join(folder, entry.name)
      const found = await lstat(path).catch(() => undefined)
      if (found === undefined) continue
      if (recursive && found.isDirectory()) folders.push(path)
      if (!output.write(`${JSON.stringify(await describe(path, found))}\n`)) await drained(output)
    }
  }
  await new Promise<void>((resolve) => output.end(resolve))
  return { isCut: left < 0 }
}

async function entriesOf(path: string, isRoot: boolean): Promise<Dirent[]> {
  try {
    const entries: Dirent[] = []
    for await (const entry of await opendir(path)) if (entries.push(entry) > 200_000) break
    return entries.sort((a, b) => (a.name < b.name ? -1 : 1))
  } catch (error) {
    if (isRoot) throw error
    return []
  }
}

function drained(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed) return resolve()
    stream.once("drain", resolve).once("close", resolve)
  })
}

async function describe(path: string, found: Stats): Promise<Record<string, unknown>> {
  return {
    path: shownPath(path),
    type: typeOf(found),
    size: found.size,
    mode: found.mode & 0o7777,
    modifiedAt: Math.trunc(found.mtimeMs),
    ...(found.isSymbolicLink() ? { target: await readlink(path).catch(() => "") } : {}),
  }
}

function typeOf(found: Stats): string {
  if (found.isFile()) return "file"
  if (found.isDirectory()) return "directory"
  return found.isSymbolicLink() ? "symlink" : "other"
}
