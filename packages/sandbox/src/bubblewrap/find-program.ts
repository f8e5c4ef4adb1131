import { accessSync, constants } from "node:fs"
import { delimiter, join } from "node:path"

/** Folders of system programs that an ordinary user's PATH may lack. */
const systemFolders = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"]

/** The path of a program, or undefined when it is not installed. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== ""), ...systemFolders]
  return folders
    .map((folder) => join(folder, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK)
        return true
      } catch {
        return false
      }
    })
}
