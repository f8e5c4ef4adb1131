import { basename } from "node:path"
import { MayflyError, type CloneOptions } from "@mayfly/protocol"
import type { ExecOptions, ExecResult } from "./exec-command.ts"
import { invalid, parsePath } from "./sandbox-options.ts"

type Exec = (command: readonly string[], options: ExecOptions) => Promise<ExecResult>

const defaultTimeoutMs = 600_000
const schemes = ["http:", "https:", "ssh:", "git:", "file:"]

/** Clones into the sandbox. Gives the path. Rejects with `sandbox.git` and what git said. */
export async function cloneRepository(exec: Exec, url: string, options: CloneOptions): Promise<{ path: string }> {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (parsed === undefined || !schemes.includes(parsed.protocol) || url.length > 2_048)
    throw invalid("url", `must be the address of a repository, beginning with ${schemes.join(", ")}`)
  const { branch, depth, dir, timeoutMs = defaultTimeoutMs, signal } = options
  if (branch !== undefined && !/^[\w][\w./@-]{0,254}$/.test(branch)) throw invalid("branch", "must be the name of one")
  if (depth !== undefined && (!Number.isInteger(depth) || depth < 1)) throw invalid("depth", "must be 1 or more")
  const path = parsePath(dir ?? (basename(parsed.pathname, ".git") || "repository"), "dir")
  const args = [
    "clone",
    "--quiet",
    ...(branch === undefined ? [] : ["--branch", branch]),
    ...(depth === undefined ? [] : ["--depth", String(depth)]),
    "--",
    url,
    path,
  ]
  const env = { GIT_TERMINAL_PROMPT: "0", GIT_ASKPASS: "/bin/true" }
  const result = await exec(["git", ...args], { env, timeoutMs, ...(signal === undefined ? {} : { signal }) })
  if (result.success) return { path }
  const reason = result.timedOut ? `it took more than ${timeoutMs} ms` : result.stderr.trim().slice(0, 2_000)
  throw new MayflyError("sandbox.git", `the repository could not be cloned: ${reason}`, {
    details: { exitCode: result.exitCode },
  })
}
