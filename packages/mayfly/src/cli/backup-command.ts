import { jsonLine } from "@mayfly/protocol"
import { dataDefault } from "./api-place.ts"
import { exitCodes, reportFailure } from "./command-error.ts"
import type { Output } from "./output.ts"
import { safeLine } from "./safe-line.ts"
import { whileSpinning } from "./spinner.ts"

export interface BackupFlags {
  readonly data?: string
  readonly json?: boolean
  /** Of a backup: without the key of the secrets. */
  readonly key?: boolean
}

/** `mayfly backup DIR` and `mayfly restore DIR`. Gives the exit code; never rejects. */
export async function backupCommand(
  name: "backup" | "restore",
  folder: string,
  { data = dataDefault(), json, key }: BackupFlags,
  output: Output,
): Promise<number> {
  const { stdout, stderr } = output
  try {
    const { createBackup, restoreBackup } = await import("@mayfly/server/backup")
    const manifest = await whileSpinning(name === "backup" ? "backing up" : "restoring", output, (say) =>
      name === "backup"
        ? createBackup(data, folder, { withoutKey: key === false, onProgress: say })
        : restoreBackup(folder, data),
    )
    const { files, leftOut, createdAt } = manifest
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0)
    if (json === true) stdout.write(jsonLine({ files: files.length, bytes, createdAt, leftOut }))
    else stdout.write(`${name === "backup" ? "backed up" : "restored"} ${files.length} files, ${bytes} bytes\n`)
    if (json !== true) for (const line of notesOn(leftOut)) stderr.write(`${safeLine(line)}\n`)
    return exitCodes.ok
  } catch (error) {
    return reportFailure(error, { json }, output)
  }
}

const keyFile = "secrets.key"

function notesOn(leftOut: readonly string[]): string[] {
  const others = leftOut.filter((name) => name !== keyFile)
  const notes = others.length === 0 ? [] : [`not in it, for it could not be read or held still: ${others.join(", ")}`]
  const isWithoutKey = others.length < leftOut.length
  const needed = `${keyFile} is not in it: put it into the data directory, or set MAYFLY_SECRETS_KEY, before a server starts`
  return isWithoutKey ? [...notes, needed] : notes
}
