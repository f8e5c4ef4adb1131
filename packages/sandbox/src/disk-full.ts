import { MayflyError } from "@mayfly/protocol"

/** `sandbox.disk-full` for what a full disk made fail; any other error as it came. */
export function asDiskFull(error: unknown): unknown {
  const { code, message } = error as NodeJS.ErrnoException
  if (code !== "ENOSPC" && code !== "EDQUOT") return error
  return new MayflyError("sandbox.disk-full", `the disk of this machine is full: ${message}`, { cause: error })
}
