import { spawn } from "node:child_process"
import { once } from "node:events"
import { readdirSync, readFileSync } from "node:fs"
import { open } from "node:fs/promises"
import { text } from "node:stream/consumers"
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

/** A filesystem that is mounted in the mount namespace of a process. */
export interface Mounted {
  readonly pid: number
  readonly mount: string
}

/** Copies an image. One that is mounted is held still meanwhile. */
export async function copyImage(from: string, to: string, mounted?: Mounted): Promise<void> {
  if (mounted === undefined) await waitUntilDetached(from)
  await using _still = mounted === undefined ? undefined : await freeze(mounted)
  const copied = await runProgram("cp", ["--sparse=always", "--reflink=auto", "--", from, to], 600_000)
  if (copied.isOk) return
  const isFull = copied.stderr.includes("No space left")
  throw new MayflyError(
    isFull ? "sandbox.disk-full" : "sandbox.unavailable",
    `the copy failed: ${copied.stderr.trim()}`,
  )
}

/** A filesystem that nobody thaws can't be unmounted: the program that does so must not be interrupted, and does so too when this process has died. */
const freezeScript = `trap '' INT TERM HUP PIPE
fsfreeze -f "$1" || exit 1
echo frozen
read -r _ || true
fsfreeze -u "$1"`

/** All that was written is in the image, and nothing more is until what this gives is disposed. Rejects with `sandbox.unavailable`. */
export async function freeze({ pid, mount }: Mounted): Promise<AsyncDisposable> {
  const args = [`--mount=/proc/${pid}/ns/mnt`, "--", "/bin/sh", "-c", freezeScript, "sh", mount]
  const child = spawn(findProgram("nsenter") ?? "nsenter", args, {
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C" },
    stdio: ["pipe", "pipe", "pipe"],
  })
  child.stdin.on("error", () => {})
  const complaint = text(child.stderr)
  const gone = new Promise<void>((resolve) => child.once("close", () => resolve()).once("error", () => resolve()))
  const isFrozen = await Promise.race([once(child.stdout, "data").then(() => true), gone.then(() => false)])
  if (!isFrozen)
    throw new MayflyError("sandbox.unavailable", `the disk can't be held still: ${(await complaint).trim()}`)
  return {
    async [Symbol.asyncDispose]() {
      child.stdin.end()
      await gone
    },
  }
}
