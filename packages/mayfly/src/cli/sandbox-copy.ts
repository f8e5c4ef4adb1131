import { statSync } from "node:fs"
import { mkdtemp, open, rename, rm } from "node:fs/promises"
import { basename, dirname, join, resolve } from "node:path"
import type { Readable } from "node:stream"
import { filePathSegments } from "@mayfly/protocol"
import { packTar } from "modern-tar/fs"
import { invalid } from "./command-error.ts"
import { isCode } from "./is-code.ts"
import type { Api } from "./api.ts"
import type { Output } from "./output.ts"
import { withProgress } from "./progress.ts"
import type { SandboxFlags } from "./sandbox-flags.ts"
import { sandboxPath } from "./sandbox-path.ts"
import { safeLine } from "./safe-line.ts"
import { unpackTar } from "./unpack-tar.ts"

export interface CopyContext {
  readonly api: Api
  readonly flags: SandboxFlags
  readonly output: Output
  readonly signal: AbortSignal
}

/** What was copied, for --json. */
export interface Copied {
  readonly from: string
  readonly to: string
  readonly bytes: number
  readonly skipped?: readonly string[]
}

interface Place {
  readonly id: string
  readonly path: string
}

const defaultMaxMb = 16_384

/** `mayfly sandbox cp`: a file or a folder, into a sandbox or out of it. */
export async function sandboxCopy(from: string, to: string, context: CopyContext): Promise<Copied> {
  const source = placeOf(from)
  const target = placeOf(to)
  if (source !== undefined && target === undefined) return download(source, to, context)
  if (target !== undefined && source === undefined) return upload(from, target, context)
  throw invalid("cp", "needs ID:PATH for one of its two files")
}

async function upload(from: string, target: Place, context: CopyContext): Promise<Copied> {
  const isPiped = from === "-"
  const found = isPiped ? undefined : statSync(from, { throwIfNoEntry: false })
  if (!isPiped && found === undefined) throw invalid("FROM", `can't be read: there is no "${from}"`)
  const isFolder = found?.isDirectory() === true
  // Whether it is there is said before its bytes are on their way.
  const path = isPiped ? target.path : await pathInside(target, basename(resolve(from)), context)
  const size = isFolder ? undefined : found?.size
  const named = new URLSearchParams(isFolder ? { path, format: "tar" } : {})
  const rest = isFolder ? "/archive" : `/files/${filePathSegments(path)}`
  if (isPiped) await context.api.call("GET", sandboxPath(target.id, "", context.flags))
  const bytes = isPiped ? process.stdin : isFolder ? packTar(resolve(from)) : await opened(from)
  const counted = withProgress(bytes, { output: context.output, name: from, size })
  const { api, flags, signal } = context
  for await (const _answer of await api.stream("PUT", sandboxPath(target.id, rest, flags, named), { body: counted, signal })); // oxfmt-ignore
  return { from, to: `${target.id}:${path}`, bytes: counted.bytes }
}

async function opened(path: string): Promise<Readable> {
  const file = await open(path).catch((error: Error) => {
    throw invalid("FROM", `can't be read: ${error.message}`)
  })
  return file.createReadStream()
}

/** As `cp` has it: into what is a folder, else by that name. */
async function pathInside({ id, path }: Place, name: string, { api, flags }: CopyContext): Promise<string> {
  if (path === "" || path.endsWith("/")) {
    await api.call("GET", sandboxPath(id, "", flags))
    return `${path}${name}`
  }
  const type = await typeOf({ id, path }, { api, flags })
  return type === "directory" ? `${path}/${name}` : path
}

async function typeOf(
  { id, path }: Place,
  { api, flags }: Pick<CopyContext, "api" | "flags">,
): Promise<string | undefined> {
  try {
    const query = new URLSearchParams({ path: path === "" ? "." : path })
    return ((await api.call("GET", sandboxPath(id, "/stat", flags, query))) as { type: string }).type
  } catch (error) {
    if (isCode(error, "sandbox.file-not-found")) return undefined
    throw error
  }
}

async function download(source: Place, to: string, context: CopyContext): Promise<Copied> {
  const { api, flags, output, signal } = context
  const type = await typeOf(source, context)
  if (type === "directory") return downloadFolder(source, to, context)
  const { id, path } = source
  const bytes = await api.stream("GET", sandboxPath(id, `/files/${filePathSegments(path)}`, flags), { signal })
  if (to === "-") {
    let sent = 0
    for await (const chunk of bytes) {
      sent += chunk.length
      if (!output.stdout.write(chunk)) await new Promise((done) => output.stdout.once("drain", done))
    }
    return { from: `${id}:${path}`, to, bytes: sent }
  }
  const target = localTarget(source, to)
  const counted = withProgress(bytes, { output, name: `${id}:${path}`, maxBytes: maxBytesOf(flags) })
  const beside = `${target}.${process.pid}.part`
  // Written beside and renamed: one that is cut off leaves the file that was there.
  try {
    await using file = await open(beside, "wx")
    for await (const chunk of counted) await file.writeFile(chunk)
    await rename(beside, target)
  } catch (error) {
    await rm(beside, { force: true })
    throw error
  }
  return { from: `${id}:${path}`, to: target, bytes: counted.bytes }
}

async function downloadFolder(source: Place, to: string, context: CopyContext): Promise<Copied> {
  const { api, flags, output, signal } = context
  const { id, path } = source
  if (to === "-") throw invalid("TO", "can't be stdout for a folder")
  const target = localTarget(source, to)
  if (statSync(target, { throwIfNoEntry: false }) !== undefined)
    throw invalid("TO", `can't be "${target}": something is there already, and a folder is not mixed with it`)
  const query = new URLSearchParams({ path: path === "" ? "." : path, format: "tar" })
  const bytes = await api.stream("GET", sandboxPath(id, "/archive", flags, query), { signal })
  const counted = withProgress(bytes, { output, name: `${id}:${path}` })
  const beside = await mkdtemp(join(dirname(resolve(target)), ".mayfly-cp-")).catch((error: Error) => {
    throw invalid("TO", `can't be written: ${error.message}`)
  })
  try {
    const { skipped } = await unpackTar(ReadableStream.from(counted), beside, { maxBytes: maxBytesOf(flags) })
    await rename(beside, target)
    for (const one of skipped) if (flags.json !== true) output.stderr.write(`${safeLine(`left out: ${one}`)}\n`)
    return { from: `${id}:${path}`, to: target, bytes: counted.bytes, ...(skipped.length > 0 && { skipped }) }
  } catch (error) {
    await rm(beside, { recursive: true, force: true })
    throw error
  }
}

/** Into what is a folder by the name that it has in the sandbox, else by the name that was given. */
function localTarget({ id, path }: Place, to: string): string {
  if (statSync(to, { throwIfNoEntry: false })?.isDirectory() !== true) return to
  const name = basename(path)
  return join(to, ["", ".", ".."].includes(name) ? id : name)
}

function maxBytesOf({ maxMb }: SandboxFlags): number {
  if (maxMb !== undefined && !/^\d{1,9}$/.test(maxMb)) throw invalid("--max-mb", "must be a whole number of MiB")
  return Number(maxMb ?? defaultMaxMb) * 1_048_576
}

/** ID:PATH. A path of this machine with a colon in it is written ./a:b. */
function placeOf(text: string): Place | undefined {
  const [, id, path = ""] = /^([a-z0-9-]+):(.*)$/s.exec(text) ?? []
  return id === undefined ? undefined : { id, path }
}
