import { spawnSync } from "node:child_process"
import { accessSync, constants, existsSync, statSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { unavailable } from "../unavailable.ts"
import { findProgram } from "./find-program.ts"
import { syscallFilter } from "./syscall-filter.ts"

/** What sandboxes need of this machine. */
export interface HostPrograms {
  readonly bwrap: string
  readonly bash: string
  /** The Node that runs agents. */
  readonly node: string
  readonly agent: string
  readonly filter: Buffer
  readonly isRoot: boolean
  /** Whether disks can be images, which have an exact size. */
  readonly hasImages: boolean
  /** Whether ordinary users may write to this machine's /dev/null. */
  readonly hasUsableNull: boolean
}

const minimumNode = 22

/** Finds all of it. Throws `sandbox.unavailable` naming the guarantee that can't be given. */
export function findHostPrograms(): HostPrograms {
  if (process.platform !== "linux") throw unavailable(`sandboxes need Linux; this is ${process.platform}`)
  const filter = syscallFilter()
  if (filter === undefined) throw unavailable(`no system call filter is known for ${process.arch}`)
  const bwrap = need("bwrap", "isolation by namespaces", "bubblewrap")
  need("prlimit", "the limit on processes", "util-linux")
  need("mkfifo", "pipes for commands", "coreutils")
  const bash = need("bash", "shells", "bash")
  if (Number(process.versions.node.split(".")[0]) < minimumNode)
    throw unavailable(`the agent needs Node ${minimumNode} or later`)
  const isRoot = process.getuid?.() === 0
  const hasUsableNull = (statSync("/dev/null").mode & 0o006) === 0o006
  if (!isRoot && !hasUsableNull)
    throw unavailable("ordinary users may not write to this machine's /dev/null (chmod 666 /dev/null)")
  if (isRoot) checkStage()
  else checkNamespaces(bwrap)
  return {
    bwrap,
    bash,
    node: process.execPath,
    agent: agentFolder(),
    filter,
    isRoot,
    hasUsableNull,
    hasImages: isRoot && existsSync("/dev/loop-control") && findProgram("mkfs.ext4") !== undefined && hasLoopAccess(),
  }
}

/** Root hands the sandbox its folders through a mount namespace, and gives up being root before bubblewrap starts. */
function checkStage(): void {
  need("unshare", "a user of its own for each sandbox", "util-linux")
  need("setpriv", "a user of its own for each sandbox", "util-linux")
  const tried = spawnSync("unshare", ["--mount", "--", "mount", "-t", "tmpfs", "mayfly", "/run"], {
    encoding: "utf8",
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
    timeout: 10_000,
  })
  if (tried.status !== 0)
    throw unavailable(
      `a user of its own for each sandbox needs mounts, which root may not make here (${lastLine(tried.stderr)}); run Mayfly as an ordinary user`,
    )
}

function checkNamespaces(bwrap: string): void {
  const tried = spawnSync(
    bwrap,
    ["--unshare-all", "--unshare-user", "--ro-bind", "/", "/", "--proc", "/proc", "true"],
    {
      encoding: "utf8",
      env: {},
      timeout: 10_000,
    },
  )
  if (tried.status !== 0) throw unavailable(`bubblewrap can't make namespaces here: ${lastLine(tried.stderr)}`)
}

function hasLoopAccess(): boolean {
  try {
    accessSync("/dev/loop-control", constants.R_OK | constants.W_OK)
    return true
  } catch {
    return false
  }
}

/** The same whether this file runs from `src` or from `dist`. */
export function agentFolder(): string {
  const folder = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "dist", "agent-files")
  if (!existsSync(join(folder, "agent.cjs"))) throw unavailable(`the agent is not built; run npm run build`)
  return folder
}

function need(name: string, guarantee: string, debianPackage: string): string {
  const path = findProgram(name)
  if (path !== undefined) return path
  throw unavailable(`${guarantee} needs "${name}", which is not installed (Debian package ${debianPackage})`)
}

function lastLine(text: string | null): string {
  return (text ?? "").trim().split("\n").at(-1) ?? "no reason was given"
}
