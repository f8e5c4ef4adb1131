import { execFile } from "node:child_process"
import { promisify } from "node:util"
import { MayflyError } from "@mayfly/protocol"

/**
 * Copies a file or folder with owners, modes, links and holes, which files of sandboxes have. What is there stays unless the source is newer; a file that
 * vanishes meanwhile is no failure of the others. Throws `store.failed`.
 */
export async function copyTree(from: string, to: string): Promise<void> {
  try {
    const options = ["--archive", "--update", "--reflink=auto", "--sparse=auto", "--no-target-directory"]
    await promisify(execFile)("cp", [...options, "--", from, to], { maxBuffer: 1 << 20 })
  } catch (cause) {
    const { stderr = "" } = cause as { stderr?: string }
    const lines = stderr.split("\n").filter((line) => line !== "")
    if (lines.length > 0 && lines.every((line) => line.endsWith("No such file or directory"))) return
    throw new MayflyError("store.failed", `"${from}" can't be copied: ${lines[0] ?? (cause as Error).message}`, {
      cause,
    })
  }
}
