import { execFileSync, spawnSync } from "node:child_process"
import { accessSync, constants, existsSync, readdirSync, statSync } from "node:fs"
import { delimiter, join } from "node:path"
import { seccompFilter } from "./seccomp.ts"

/** What surrounds a child process. `permission`: Node's permission model and an empty environment only. */
export type JailKind = "bubblewrap+seccomp" | "bubblewrap" | "permission"

export interface Jail {
  readonly kind: JailKind
  /** Why it is not the strongest one. */
  readonly missing: string | undefined
}

export interface JailedCommand {
  readonly command: string
  readonly args: readonly string[]
  /** Goes to descriptor `filterFd` of the child. */
  readonly filter: Buffer | undefined
}

export interface Program {
  readonly node: string
  readonly flags: readonly string[]
  readonly script: string
  readonly argument: string
  /** Files and folders that it reads. */
  readonly reads: readonly string[]
  /** Folders in which it may make, change and delete files. */
  readonly writes?: readonly string[]
  /** Most writable memory in kilobytes, V8's reservations of some 600 MB included. Where the jail can't limit it, nothing does. */
  readonly dataKb?: number
}

export const filterFd = 4
let known: Jail | undefined

/** The strongest jail that works here; found out once by trying. */
export function detectJail(): Jail {
  return (known ??= tryBubblewrap())
}

function tryBubblewrap(): Jail {
  if (process.platform !== "linux") return { kind: "permission", missing: `no jail is known for ${process.platform}` }
  const bwrap = findBubblewrap()
  if (bwrap === undefined)
    return { kind: "permission", missing: "bubblewrap is not installed (Debian package bubblewrap)" }
  const probe = spawnSync(bwrap, [...namespaces, "--ro-bind", "/", "/", "--", "/bin/true"], {
    env: {},
    encoding: "utf8",
    timeout: 5_000,
  })
  if (probe.status !== 0) {
    const reason = probe.stderr.trim().split("\n").at(-1) ?? "it does not start"
    return { kind: "permission", missing: `bubblewrap can't make namespaces here: ${reason}` }
  }
  if (seccompFilter() === undefined) return { kind: "bubblewrap", missing: `no seccomp filter for ${process.arch}` }
  return { kind: "bubblewrap+seccomp", missing: undefined }
}

const namespaces = ["--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--clearenv"]

/** The command line that runs `program` inside `jail`. */
export function jailed(program: Program, jail: Jail): JailedCommand {
  const node = [...program.flags, program.script, program.argument]
  if (jail.kind === "permission")
    return { command: program.node, args: [...permissions(program), ...node], filter: undefined }
  const { writes = [], dataKb } = program
  const filter = jail.kind === "bubblewrap+seccomp" ? seccompFilter(process.arch, writes.length > 0) : undefined
  const args = [
    // A crash should not write hundreds of megabytes of core, which would hold up the replacement.
    "-c",
    `ulimit -c 0 2>/dev/null; ${dataKb === undefined ? "" : `ulimit -d ${dataKb}; `}exec "$@"`,
    "mayfly-host",
    findBubblewrap() ?? "bwrap",
    ...namespaces,
    ...binds(program),
    ...writes.flatMap((path) => ["--bind", path, path]),
    "--proc",
    "/proc",
    ...(filter === undefined ? [] : ["--seccomp", String(filterFd)]),
    "--",
    program.node,
    ...node,
  ]
  return { command: "/bin/sh", args, filter }
}

function binds(program: Program): string[] {
  const native = [program.node, ...program.reads.flatMap(nativeFiles)]
  const paths = [
    program.node,
    program.script,
    ...program.reads,
    ...native.flatMap(libraries),
    "/dev/null",
    "/dev/urandom",
  ]
  return [...new Set(paths)].flatMap((path) => [path.startsWith("/dev/") ? "--dev-bind" : "--ro-bind", path, path])
}

function permissions(program: Program): string[] {
  const reads = [program.script, ...program.reads, "/proc/self", "/etc/alpine-release"]
  const { writes = [] } = program
  return [
    "--permission",
    "--allow-addons",
    ...[...reads, ...writes].map((path) => `--allow-fs-read=${path}`),
    ...writes.map((path) => `--allow-fs-write=${path}`),
  ]
}

const libraryCache = new Map<string, readonly string[]>()

/** Shared libraries of a binary and its loader, so that the jail holds no other file of the system. */
function libraries(binary: string): readonly string[] {
  let found = libraryCache.get(binary)
  if (found === undefined) {
    const listed = execFileSync("ldd", [binary], { encoding: "utf8" })
    found = [...listed.matchAll(/(?:=> )?(\/\S+) \(0x/g)]
      .map((match) => match[1] ?? "")
      .filter((path) => existsSync(path))
    libraryCache.set(binary, found)
  }
  return found
}

/** Native libraries in a file or folder. */
function nativeFiles(path: string): string[] {
  if (path.endsWith(".node")) return [path]
  if (!statSync(path).isDirectory()) return []
  const names = readdirSync(path, { recursive: true, encoding: "utf8" })
  return names.filter((name) => name.endsWith(".node")).map((name) => join(path, name))
}

function findBubblewrap(): string | undefined {
  for (const folder of (process.env["PATH"] ?? "/usr/bin:/bin").split(delimiter)) {
    const path = join(folder, "bwrap")
    try {
      accessSync(path, constants.X_OK)
      return path
    } catch {
      // Not there.
    }
  }
  return undefined
}
