import { spawn } from "node:child_process"
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { findTsc } from "./find-tsc.ts"

/** Files by name, which may have folders in it; all are checked together. Callers see to it that names stay inside. */
export type Sources = Readonly<Record<string, string>>

export type TscOutcome =
  | { readonly kind: "checked"; readonly output: string; readonly isClean: boolean }
  | { readonly kind: "too-long" | "too-much-output" | "died" }

export interface TscLimits {
  readonly timeoutMs: number
  readonly signal?: AbortSignal
}

/**
 * `noResolve` keeps imports and `/// <reference>` from reading files of this machine. Not strict: the check is there for wrong names and arguments,
 * and code that would run must not fail for its style.
 */
const compilerOptions = {
  noEmit: true,
  noResolve: true,
  allowJs: true,
  checkJs: true,
  allowImportingTsExtensions: true,
  resolveJsonModule: true,
  moduleResolution: "bundler",
  target: "esnext",
  module: "esnext",
  moduleDetection: "force",
  lib: ["esnext"],
  types: [],
  strict: false,
  skipLibCheck: true,
}

/** The address space of the compiler, which needs a tenth of it for common programs, and its CPU seconds. */
const maxKibibytes = 2 << 20
const maxCpuSeconds = 15
const maxOutput = 1 << 20

/** Where `ulimit -v` does not exist, GOMEMLIMIT and the time limit remain. */
const limited = `ulimit -v ${maxKibibytes} 2>/dev/null; ulimit -t ${maxCpuSeconds} 2>/dev/null; ulimit -c 0 2>/dev/null; exec "$0" "$@"`

/** Runs the TypeScript compiler in a process and a folder of its own, which is gone afterwards. Rejects with the signal's reason, or when it can't start. */
export async function runTsc(sources: Sources, limits: TscLimits): Promise<TscOutcome> {
  const tsc = await findTsc()
  limits.signal?.throwIfAborted()
  const folder = await mkdtemp(join(tmpdir(), "mayfly-typecheck-"))
  try {
    const config = JSON.stringify({ compilerOptions, files: Object.keys(sources) })
    const files = Object.entries({ ...sources, "tsconfig.json": config })
    for (const name of new Set(files.map(([name]) => dirname(name))))
      await mkdir(join(folder, name), { recursive: true })
    await Promise.all(files.map(([name, text]) => writeFile(join(folder, name), text)))
    return await runProcess(tsc, folder, limits)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function runProcess(tsc: string, cwd: string, { timeoutMs, signal }: TscLimits): Promise<TscOutcome> {
  const args = ["-p", ".", "--pretty", "false", "--singleThreaded"]
  const [command, rest] = process.platform === "win32" ? [tsc, args] : ["/bin/sh", ["-c", limited, tsc, ...args]]
  // Nothing of the supervisor's environment: it may hold secrets.
  const child = spawn(command, rest, {
    cwd,
    env: { GOMEMLIMIT: "512MiB", GOTRACEBACK: "none" },
    stdio: ["ignore", "pipe", "ignore"],
  })
  let output = ""
  let stopped: "too-long" | "too-much-output" | undefined
  const stop = (why: "too-long" | "too-much-output"): void => {
    stopped ??= why
    child.kill("SIGKILL")
  }
  const abort = (): void => void child.kill("SIGKILL")
  const timer = setTimeout(() => stop("too-long"), timeoutMs)
  signal?.addEventListener("abort", abort, { once: true })
  child.stdout.setEncoding("utf8")
  child.stdout.on("data", (chunk: string) => {
    output += chunk
    if (output.length > maxOutput) stop("too-much-output")
  })
  return new Promise<TscOutcome>((resolve, reject) => {
    child.once("error", reject)
    child.once("close", (code) => {
      if (signal?.aborted === true) return reject(asError(signal.reason))
      if (stopped !== undefined) return resolve({ kind: stopped })
      // A Go program that runs out of memory ends with status 2, as one with type errors does, but says nothing on stdout.
      const isChecked = code === 0 || ((code === 1 || code === 2) && output !== "")
      resolve(isChecked ? { kind: "checked", output, isClean: code === 0 } : { kind: "died" })
    })
  }).finally(() => {
    clearTimeout(timer)
    signal?.removeEventListener("abort", abort)
  })
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason))
}
