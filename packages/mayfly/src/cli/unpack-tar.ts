import { copyFile, lstat, mkdir, open, rm, symlink } from "node:fs/promises"
import { dirname, join, posix } from "node:path"
import { MayflyError } from "@mayfly/protocol"
import { createTarDecoder, type ParsedTarEntry, type TarHeader } from "modern-tar"

export interface Unpacked {
  readonly files: number
  /** What was left out, as a text per entry: devices, and links that lead out of the folder. */
  readonly skipped: readonly string[]
}

export interface UnpackOptions {
  /** Whoever packed it may never end. */
  readonly maxBytes: number
}

const maxEntries = 1_000_000
const maxSkipped = 1_000

/**
 * Unpacks an archive of a guest's into a folder that nobody else has touched. Nothing is written outside of it, whatever the archive says: paths that
 * lead out are an error; links are made last, so that no file goes through one, and only those that stay inside.
 */
export async function unpackTar(
  bytes: ReadableStream<Uint8Array>,
  folder: string,
  { maxBytes }: UnpackOptions,
): Promise<Unpacked> {
  const links = new Map<string, string>()
  const skipped: string[] = []
  let [entries, files, total] = [0, 0, 0]
  for await (const { header, body } of decoded(bytes)) {
    if (++entries > maxEntries) throw refused(`the archive has more than ${maxEntries} entries`)
    const name = insidePath(header.name)
    for (const above of [name, ...foldersOf(name)]) links.delete(above)
    if (header.type === "directory") await mkdir(join(folder, name), { recursive: true })
    else if (name === "") throw refused("the archive has an entry without a name")
    else if (header.type === "symlink" && staysInside(name, header.linkname ?? ""))
      links.set(name, header.linkname ?? "")
    else if (header.type === "link") await copyInside(folder, insidePath(header.linkname ?? ""), name)
    else if (header.type === "file" || header.type === undefined) {
      total += await writeFile(join(folder, name), body, { header, maxBytes: maxBytes - total })
      files++
      continue
    } else if (skipped.length < maxSkipped) skipped.push(`${name} (${header.type})`)
    await body.cancel()
  }
  for (const [name, target] of links) {
    await mkdir(dirname(join(folder, name)), { recursive: true })
    await rm(join(folder, name), { recursive: true, force: true })
    await symlink(target, join(folder, name))
  }
  return { files, skipped }
}

async function* decoded(bytes: ReadableStream<Uint8Array>): AsyncGenerator<ParsedTarEntry, void, void> {
  try {
    yield* bytes.pipeThrough(createTarDecoder({ strict: true }))
  } catch (error) {
    // The decoder's own errors have no code; those of files and connections do.
    if (error instanceof Error && !("code" in error)) throw refused(`the archive can't be read: ${error.message}`)
    throw error
  }
}

/** Those that something is in, the innermost first. */
function foldersOf(name: string): string[] {
  const parts = name.split("/")
  return parts.slice(1).map((_, at) => parts.slice(0, parts.length - 1 - at).join("/"))
}

/** A path below the folder, "" for the folder itself. Throws for one that leads out. */
function insidePath(name: string): string {
  const parts = name.split("/").filter((part) => part !== "" && part !== ".")
  if (name.startsWith("/") || name.includes("\0") || name.includes("\\") || parts.includes(".."))
    throw refused(`the archive has the path ${JSON.stringify(name.slice(0, 200))}, which leads out of it`)
  return parts.join("/")
}

/**
 * Whether a link leads to nothing but the folder. It may go up at its beginning only: after that it may go through another link, whose parent is
 * not what the text says.
 */
function staysInside(name: string, target: string): boolean {
  if (target === "" || target.startsWith("/") || target.includes("\0") || target.includes("\\")) return false
  const parts = target.split("/").filter((part) => part !== "" && part !== ".")
  const up = parts.findIndex((part) => part !== "..")
  if (up !== -1 && parts.slice(up).includes("..")) return false
  return !posix.join(posix.dirname(name), target).split("/").includes("..")
}

async function copyInside(folder: string, from: string, name: string): Promise<void> {
  const source = await lstat(join(folder, from)).catch(() => undefined)
  if (source?.isFile() !== true) throw refused(`the archive links ${JSON.stringify(name)} to what is not in it`)
  if (from === name) return
  await makeRoom(join(folder, name))
  await copyFile(join(folder, from), join(folder, name))
}

async function writeFile(
  path: string,
  body: ReadableStream<Uint8Array>,
  { header, maxBytes }: { readonly header: TarHeader; readonly maxBytes: number },
): Promise<number> {
  if (header.size > maxBytes) throw refused("the archive is larger than allowed; raise --max-mb")
  await makeRoom(path)
  // Neither more rights than we give, nor ones that make it run as somebody else.
  await using file = await open(path, "wx", (header.mode ?? 0o644) & 0o777)
  let size = 0
  for await (const chunk of body) {
    size += chunk.length
    await file.writeFile(chunk)
  }
  return size
}

/** Of several with a name the last one counts. */
async function makeRoom(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await rm(path, { recursive: true, force: true })
}

function refused(why: string): MayflyError {
  return new MayflyError("sandbox.file", `${why}; nothing was copied`)
}
