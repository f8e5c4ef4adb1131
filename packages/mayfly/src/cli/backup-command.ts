import { jsonLine } from "@mayfly/protocol"
import { exitCodes, reportFailure } from "./command-error.ts"
import type { Output } from "./output.ts"
import { whileSpinning } from "./spinner.ts"

export interface BackupFlags {
  readonly data: string
  readonly json?: boolean
}

/** `mayfly backup DIR` and `mayfly restore DIR`. Gives the exit code; never rejects. */
export async function backupCommand(
  name: "backup" | "restore",
  folder: string,
  { data, json }: BackupFlags,
  output: Output,
): Promise<number> {
  const { stdout, stderr } = output
  try {
    const { createBackup, restoreBackup } = await import("@mayfly/server/backup")
    const manifest = await whileSpinning(name === "backup" ? "backing up" : "restoring", output, () =>
      name === "backup" ? createBackup(data, folder) : restoreBackup(folder, data),
    )
    const { files, leftOut, createdAt } = manifest
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0)
    if (json === true) stdout.write(jsonLine({ files: files.length, bytes, createdAt, leftOut }))
    else stdout.write(`${name === "backup" ? "backed up" : "restored"} ${files.length} files, ${bytes} bytes\n`)
    if (leftOut.length > 0 && json !== true)
      stderr.write(
        `not in it, for a server was using them: ${leftOut.join(", ")}. Stop the server to back those up too.\n`,
      )
    return exitCodes.ok
  } catch (error) {
    return reportFailure(error, { json }, output)
  }
}
