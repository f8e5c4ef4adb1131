import { writeSync } from "node:fs"

/**
 * Ends this process at once. Never process.exit: isolated-vm may crash in its destructors, and a thread that does not stop would hold it up.
 * The supervisor replaces the process and answers for what it held.
 */
export function die(reason: string): never {
  try {
    writeSync(2, `host: ${reason}\n`)
  } catch {
    // Nobody listens.
  }
  process.kill(process.pid, "SIGKILL")
  throw new Error(reason)
}
