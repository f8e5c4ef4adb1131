import { accessSync, constants, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"

/** Where groups can be made for each resource. A resource without a folder can't be limited by the kernel here. */
export interface CgroupPlaces {
  readonly version: 1 | 2
  readonly memory?: string
  readonly cpu?: string
  readonly pids?: string
  /** Groups of processes without limits, which can be killed at once. */
  readonly unified?: string
}

/** The folder, below that of this process, that holds the groups of all sandboxes. */
const parentName = "mayfly"

interface Mount {
  readonly path: string
  readonly type: string
  readonly options: readonly string[]
}

/** What the kernel lets this process make, found out by making it. */
export function findCgroupPlaces(): CgroupPlaces | undefined {
  if (!existsSync("/proc/self/cgroup")) return undefined
  const mounts = readMounts()
  const own = readOwnGroups()
  return versionOne(mounts, own) ?? versionTwo(mounts, own)
}

function versionOne(mounts: readonly Mount[], own: ReadonlyMap<string, string>): CgroupPlaces | undefined {
  const place = (controller: string): string | undefined => {
    const mount = mounts.find(({ type, options }) => type === "cgroup" && options.includes(controller))
    return mount === undefined ? undefined : makeParent(join(mount.path, own.get(controller) ?? ""))
  }
  const [memory, cpu, pids] = ["memory", "cpu", "pids"].map(place)
  if (memory === undefined && cpu === undefined && pids === undefined) return undefined
  const unified = mounts.find(({ type }) => type === "cgroup2")
  const group = unified === undefined ? undefined : makeParent(join(unified.path, own.get("") ?? ""))
  return {
    version: 1,
    ...(memory === undefined ? {} : { memory }),
    ...(cpu === undefined ? {} : { cpu }),
    ...(pids === undefined ? {} : { pids }),
    ...(group === undefined || !existsSync(join(group, "cgroup.kill")) ? {} : { unified: group }),
  }
}

function versionTwo(mounts: readonly Mount[], own: ReadonlyMap<string, string>): CgroupPlaces | undefined {
  const mount = mounts.find(({ type }) => type === "cgroup2")
  if (mount === undefined) return undefined
  const ours = join(mount.path, own.get("") ?? "")
  const parent = makeParent(ours)
  if (parent === undefined) return undefined
  // A group that holds processes can't hand controllers down, so this may be refused; each one by itself.
  for (const controller of ["memory", "cpu", "pids"]) {
    handDown(ours, controller)
    handDown(parent, controller)
  }
  const given = read(join(parent, "cgroup.subtree_control")).trim().split(" ")
  const place = (controller: string): Record<string, string> =>
    given.includes(controller) ? { [controller]: parent } : {}
  return { version: 2, ...place("memory"), ...place("cpu"), ...place("pids"), unified: parent }
}

function handDown(group: string, controller: string): void {
  try {
    writeFileSync(join(group, "cgroup.subtree_control"), `+${controller}`)
  } catch {
    // The report says "watchdog" then.
  }
}

function makeParent(group: string): string | undefined {
  const parent = join(group, parentName)
  try {
    mkdirSync(parent, { recursive: true })
    accessSync(join(parent, "cgroup.procs"), constants.W_OK)
    return parent
  } catch {
    return undefined
  }
}

function readMounts(): Mount[] {
  return read("/proc/self/mountinfo")
    .split("\n")
    .flatMap((line) => {
      const [left, right] = line.split(" - ")
      const path = left?.split(" ")[4]
      const [type, , options] = right?.split(" ") ?? []
      return path === undefined || type === undefined ? [] : [{ path, type, options: options?.split(",") ?? [] }]
    })
}

/** Controller to path; the unified hierarchy has no name. */
function readOwnGroups(): ReadonlyMap<string, string> {
  const groups = new Map<string, string>()
  for (const line of read("/proc/self/cgroup").split("\n")) {
    const [, controllers, ...path] = line.split(":")
    for (const name of controllers?.split(",") ?? []) groups.set(name, path.join(":"))
  }
  return groups
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return ""
  }
}
