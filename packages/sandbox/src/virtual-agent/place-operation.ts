import { missing } from "../agent/base-environment.ts"
import type { Message } from "../link/channel.ts"

/** Folders that are there for real; everything else is an imitation that is made anew for each command. */
export const realFolders = ["/workspace", "/home/user", "/tmp"] as const

const onlyLooks = ["file-list", "file-stat", "file-read", "file-watch"]
const takesAway = ["file-remove", "file-rename"]

/** The operation with paths of this machine in place of the sandbox's. Throws EROFS for what would write elsewhere. */
export function placeOperation(name: string, operation: Message, root: string): Message {
  const { path, to, within } = operation
  const place = (given: unknown): string => {
    const wanted = String(given)
    if (!wanted.startsWith("/") || wanted.split("/").includes(".."))
      throw missing("EINVAL", `"${wanted}" is not an absolute path without dots`)
    const isBelow = realFolders.some((folder) => wanted.startsWith(`${folder}/`))
    const isOne = realFolders.some((folder) => wanted === folder)
    if (isOne && takesAway.includes(name)) throw missing("EBUSY", `"${wanted}" can't be taken away`)
    if (!isBelow && !isOne && !onlyLooks.includes(name)) throw missing("EROFS", `"${wanted}" can't be written`)
    return `${root}${wanted === "/" ? "" : wanted}`
  }
  return {
    ...operation,
    path: place(path),
    ...(typeof to === "string" ? { to: place(to) } : {}),
    // Where nothing else is confined the folder itself is: a link that an import brought leads nowhere else.
    within: typeof within === "string" ? `${root}${within === "/" ? "" : within}` : root,
  }
}
