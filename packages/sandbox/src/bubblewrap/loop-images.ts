import { readdirSync, readFileSync } from "node:fs"
import { open } from "node:fs/promises"
import { setTimeout as pause } from "node:timers/promises"
import { MayflyError } from "@mayfly/protocol"
import { findProgram } from "./find-program.ts"
import { runProgram } from "./run-program.ts"

const waitMs = 10_000

/** An empty disk image of a given size; it takes room on the host as it fills. */
export async function makeImage(path: string, bytes: number): Promise<void> {
  const file = await open(path, "wx", 0o600)
  await file.truncate(bytes)
  await file.close()
  const options = ["-q", "-F", "-m", "0", "-J", "size=4", "-E", "lazy_itable_init=1,lazy_journal_init=1,nodiscard"]
  const made = await runProgram(findProgram("mkfs.ext4") ?? "mkfs.ext4", [...options, path])
  if (!made.isOk) throw new MayflyError("sandbox.unavailable", `mkfs.ext4 failed: ${made.stderr.trim()}`)
}

/** Waits until the kernel has let go of an image: two mounts of one image would destroy it. */
export async function waitUntilDetached(path: string): Promise<void> {
  const end = performance.now() + waitMs
  while (isAttached(path)) {
    if (performance.now() > end)
      throw new MayflyError("sandbox.unavailable", "the sandbox's disk is still in use by another process", {
        retry: true,
      })
    await pause(5)
  }
}

export function isAttached(path: string): boolean {
  return readdirSync("/sys/block").some((name) => name.startsWith("loop") && backingFile(name) === path)
}

function backingFile(name: string): string | undefined {
  try {
    return readFileSync(`/sys/block/${name}/loop/backing_file`, "utf8").trim()
  } catch {
    return undefined
  }
}

/**
 * Copies an image. One that is mounted, at `mount` in the mount namespace of `pid`, is held still meanwhile. The program that does so must not be
 * interrupted: a filesystem that nobody thaws can't be unmounted.
 */
export async function copyImage(from: string, to: string, mounted?: { pid: number; mount: string }): Promise<void> {
  const copy = ["cp", "--sparse=always", "--reflink=auto", "--", from, to]
  if (mounted === undefined) {
    await waitUntilDetached(from)
    return check(await runProgram("/bin/sh", ["-c", '"$@"', "sh", ...copy], 600_000))
  }
  const script = `trap '' INT TERM HUP
mount=$1; shift
fsfreeze -f "$mount" || exit 1
"$@"; code=$?
fsfreeze -u "$mount"
exit $code`
  const args = [`--mount=/proc/${mounted.pid}/ns/mnt`, "--", "/bin/sh", "-c", script, "sh", mounted.mount, ...copy]
  check(await runProgram(findProgram("nsenter") ?? "nsenter", args, 0))
}

function check({ isOk, stderr }: { readonly isOk: boolean; readonly stderr: string }): void {
  if (isOk) return
  const isFull = stderr.includes("No space left")
  throw new MayflyError(isFull ? "sandbox.disk-full" : "sandbox.unavailable", `the copy failed: ${stderr.trim()}`)
}
