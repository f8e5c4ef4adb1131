import { spawn } from "node:child_process"
import { accessSync, constants } from "node:fs"
import { delimiter, join } from "node:path"
import { text } from "node:stream/consumers"

export interface RunOptions {
  readonly env?: NodeJS.ProcessEnv
  readonly shell?: boolean
  readonly timeoutMs?: number
}

/** Runs a program and gives its stdout. Throws with what it said when it fails. */
export async function run([program = "", ...args]: readonly string[], options: RunOptions = {}): Promise<string> {
  const { env = process.env, shell = false, timeoutMs = 120_000 } = options
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], env, shell, timeout: timeoutMs })
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject)
    child.once("close", resolve)
  })
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended])
  if (code === 0) return stdout
  throw new Error(`${program} ended with ${code}: ${stderr.trim().split("\n").at(-1) ?? ""}`.slice(0, 300))
}

/** Throws with a line that says what is missing. */
export function findInPath(program: string): string {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/sbin"]
  for (const folder of folders) {
    const path = join(folder, program)
    try {
      accessSync(path, constants.X_OK)
      return path
    } catch {
      // The next one may have it.
    }
  }
  throw new Error(`"${program}" is not installed`)
}
