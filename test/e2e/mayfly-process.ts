import { type ChildProcess, spawn } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

export interface Finished {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface MayflyProcess {
  readonly child: ChildProcess
  readonly finished: Promise<Finished>
  /** Resolves when stdout and stderr together match; rejects when the process ends without. */
  output(pattern: RegExp): Promise<RegExpExecArray>
}

export interface StartOptions {
  readonly input?: string
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  /** Default: this one. */
  readonly node?: string
  /** A command that runs the rest, as another user for instance. */
  readonly through?: readonly string[]
}

const bin = fileURLToPath(new URL("../../packages/mayfly/bin/mayfly.mjs", import.meta.url))
/** `npm test` has built everything: what users run starts in two thirds of the time. */
const isBuilt = process.env["MAYFLY_TEST_BUILT"] === "1"
const sourceFlags = isBuilt ? [] : ["--conditions=source", "--disable-warning=ExperimentalWarning"]

/** Starts the real command: as it was built by `npm test`, else on sources as these tests are. */
export function startMayfly(args: readonly string[], options: StartOptions = {}): MayflyProcess {
  const flags = options.node === undefined ? sourceFlags : []
  const [command = "", ...rest] = [...(options.through ?? []), options.node ?? process.execPath, ...flags, bin, ...args]
  const child = spawn(command, rest, {
    cwd: options.cwd,
    env: { ...process.env, NO_COLOR: "1", ...options.env },
    stdio: ["pipe", "pipe", "pipe"],
  })
  // A command that refuses its options may be gone before it has read anything.
  child.stdin.on("error", () => {})
  child.stdin.end(options.input ?? "")
  const texts = { stdout: "", stderr: "" }
  for (const name of ["stdout", "stderr"] as const) child[name].on("data", (chunk) => (texts[name] += String(chunk)))
  const finished = new Promise<Finished>((resolve) => child.once("close", (code) => resolve({ code, ...texts })))
  return { child, finished, output: (pattern) => output(child, texts, pattern) }
}

/** Runs the command to its end. */
export function mayfly(args: readonly string[], options: StartOptions = {}): Promise<Finished> {
  return startMayfly(args, options).finished
}

function output(
  child: ChildProcess,
  texts: { stdout: string; stderr: string },
  pattern: RegExp,
): Promise<RegExpExecArray> {
  return new Promise((resolve, reject) => {
    const look = (): void => {
      const match = pattern.exec(texts.stdout + texts.stderr)
      if (match === null) return
      for (const stream of [child.stdout, child.stderr]) stream?.off("data", look)
      child.off("close", onClose)
      resolve(match)
    }
    const onClose = (): void => reject(new Error(`ended without ${String(pattern)}: ${texts.stdout}${texts.stderr}`))
    child.once("close", onClose)
    child.stdout?.on("data", look)
    child.stderr?.on("data", look)
    look()
  })
}

/** Living processes below `pid`, at any depth. */
export function descendants(pid: number): number[] {
  const parents = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => parentOf(Number(name)))
  const below = (parent: number): number[] =>
    parents.filter(([, of]) => of === parent).flatMap(([child]) => [child, ...below(child)])
  return below(pid)
}

export function isRunning(pid: number): boolean {
  return parentOf(pid).length > 0
}

/** Empty for a process that is gone, or dead and not yet collected. */
function parentOf(pid: number): [pid: number, parent: number][] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
    const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
    return state === "Z" || state === "X" ? [] : [[pid, Number(parent)]]
  } catch {
    return []
  }
}
