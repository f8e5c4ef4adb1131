import { constants } from "node:fs"
import { chmod, copyFile, lstat, mkdir, opendir, utimes } from "node:fs/promises"
import { join } from "node:path"

/**
 * Copies folders and files, nothing else: a link could lead out of the folder. What vanishes meanwhile is left out. Gives the bytes of the files.
 */
export async function copyTree(from: string, to: string): Promise<number> {
  await mkdir(to, { recursive: true, mode: 0o700 })
  let bytes = 0
  for await (const { name } of await opendir(from)) {
    const [source, target] = [join(from, name), join(to, name)]
    try {
      const found = await lstat(source)
      if (found.isDirectory()) bytes += await copyTree(source, target)
      else if (found.isFile()) {
        await copyFile(source, target, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL)
        bytes += found.size
      } else continue
      await chmod(target, found.mode & 0o777)
      await utimes(target, found.atime, found.mtime)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error
    }
  }
  return bytes
}
