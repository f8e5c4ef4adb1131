import { lstat, realpath } from "node:fs/promises"
import { basename, dirname, join } from "node:path"
import type { Message } from "../link/channel.ts"
import { missing } from "./base-environment.ts"

/** These act on a link itself, not on what it leads to. */
const actsOnLinks = ["file-stat", "file-remove", "file-rename"]
/** These would take the folder itself away. */
const takesAway = ["file-remove", "file-rename"]

/**
 * The operation with paths free of links, for a caller who may touch only what is below a folder. Throws EACCES for what leads elsewhere. A program in
 * here could put a link in the way after this look; it could as well copy what the link leads to: all files are its own.
 */
export async function confinePaths(name: string, operation: Message): Promise<Message> {
  const { within, path, to } = operation
  if (typeof within !== "string") return operation
  const place = async (given: string): Promise<string> => {
    const real = actsOnLinks.includes(name) ? await placeOf(given, within) : await target(given, within)
    const isInside = real.startsWith(within === "/" ? "/" : `${within}/`)
    if (isInside || (real === within && !takesAway.includes(name))) return real
    throw missing("EACCES", `"${given}" is not below "${within}"`)
  }
  const confined = { ...operation, path: await place(String(path)) }
  return typeof to === "string" ? { ...confined, to: await place(to) } : confined
}

/** Where an entry is: its folder without links, its own name as it is. */
async function placeOf(path: string, within: string): Promise<string> {
  return path === "/" ? path : join(await target(dirname(path), within), basename(path))
}

/** What a path leads to, also when its last parts are not there yet. */
async function target(path: string, within: string): Promise<string> {
  try {
    return await realpath(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error
    // A link to what is not there: writing through it would make the file wherever it points.
    if ((await lstat(path).catch(() => undefined)) !== undefined)
      throw missing("EACCES", `"${path}" is a link that leads nowhere below "${within}"`)
    return placeOf(path, within)
  }
}
