import { globSync, readdirSync, readFileSync } from "node:fs"

/** What sandboxes with files below `folder` have left on this machine: processes, mounts, loop devices, control groups. */
export function leftovers(folder: string): string[] {
  const processes = readdirSync("/proc")
    // Each sandbox has small files of its own mounted over /etc.
    .filter((name) => /^\d+$/.test(name) && read(`/proc/${name}/mountinfo`).includes(`${folder}/`))
    .map((pid) => `process ${pid}`)
  const mounts = read("/proc/self/mountinfo")
    .split("\n")
    .filter((line) => line.includes(folder) || line.includes("/run/mayfly"))
  const loops = readdirSync("/sys/block")
    .map((name) => read(`/sys/block/${name}/loop/backing_file`))
    .filter((path) => path.startsWith(folder))
  return [...processes, ...mounts, ...loops]
}

/** Control groups of sandboxes with these keys, which name their folders too. */
export function groupsOf(keys: readonly string[]): string[] {
  return globSync("/sys/fs/cgroup/**/mayfly/box-*").filter((path) => keys.some((key) => path.includes(`/box-${key}.`)))
}

function read(path: string): string {
  try {
    return readFileSync(path, "latin1")
  } catch {
    return ""
  }
}
