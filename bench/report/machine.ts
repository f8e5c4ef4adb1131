import { execFileSync } from "node:child_process"
import { availableParallelism, cpus, loadavg, release, totalmem } from "node:os"
import { detectJail } from "@mayfly/platform"
import { type PeerName, peerVersion } from "../contenders/peers.ts"

export interface Machine {
  readonly cores: number
  readonly cpu: string
  readonly memoryGb: number
  readonly system: string
  readonly node: string
  readonly v8: string
  readonly jail: string
  readonly peers: Readonly<Record<string, string>>
  /** Of the minute before the bench: above about 0.5 something else was at work. */
  readonly loadBefore: number
}

export function describeMachine(): Machine {
  const peers = (["workerd", "deno"] satisfies PeerName[]).map((name): [string, string] => {
    const found = peerVersion(name)
    return [name, "version" in found ? found.version : `missing: ${found.problem}`]
  })
  return {
    cores: availableParallelism(),
    cpu: cpus()[0]?.model.trim() ?? "?",
    memoryGb: Math.round(totalmem() / 2 ** 30),
    system: `${process.platform}-${process.arch} ${release()}`,
    node: process.version,
    v8: process.versions.v8,
    jail: detectJail().kind,
    peers: Object.fromEntries(peers),
    loadBefore: loadavg()[0] ?? 0,
  }
}

/** The commit, marked when the tree has changes. */
export function describeCommit(folder: string): string {
  try {
    const git = (...args: string[]): string => execFileSync("git", args, { cwd: folder, encoding: "utf8" }).trim()
    return git("rev-parse", "--short=12", "HEAD") + (git("status", "--porcelain") === "" ? "" : " with changes")
  } catch {
    return "unknown"
  }
}
