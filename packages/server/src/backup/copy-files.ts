import { spawn } from "node:child_process"
import { once } from "node:events"
import { createInterface } from "node:readline"
import { MayflyError } from "@mayfly/protocol"

const maxNamed = 20
/** What a guest has locked, or nested deeper than a path can say. */
const guestsDoing = /'(.*)'(?: for reading)?: (?:Permission denied|File name too long)$/

/**
 * Copies files and folders into `folder`, under their names, with owners, modes, links and holes, which files of sandboxes have. What is there stays unless the source
 * is newer; what vanishes meanwhile is no failure of the others. Gives some of what can't be read, which a guest may have caused. Throws `store.failed`, `store.full`.
 */
export async function copyFiles(from: readonly string[], folder: string): Promise<readonly string[]> {
  if (from.length === 0) return []
  const options = ["--archive", "--one-file-system", "--update", "--reflink=auto", "--sparse=auto"]
  const child = spawn("cp", [...options, "--target-directory", folder, "--", ...from], {
    env: { PATH: process.env["PATH"], LC_ALL: "C" },
    stdio: ["ignore", "ignore", "pipe"],
  })
  const over = once(child, "close")
  const unreadable: string[] = []
  let serious: string | undefined
  for await (const line of createInterface({ input: child.stderr })) {
    const path = guestsDoing.exec(line)?.[1]
    if (path === undefined) {
      if (!line.endsWith("No such file or directory")) serious ??= line
    } else if (unreadable.length < maxNamed) unreadable.push(path)
  }
  const [code, signal] = (await over) as [number | null, string | null]
  if (code !== 0 && code !== 1) serious ??= `cp ended with ${code ?? signal}`
  if (serious === undefined) return unreadable
  const isFull = /No space left on device|Disk quota exceeded/.test(serious)
  throw new MayflyError(isFull ? "store.full" : "store.failed", `the files can't be copied: ${serious}`)
}
