import { readFileSync, readlinkSync } from "node:fs"

const allNamespaces = ["user", "mnt", "pid", "net", "ipc", "uts"]

/**
 * What is missing around a process, as the kernel tells it from outside; none when all is well. Looked at on every start, so that a kernel or a
 * bubblewrap that behaves differently ends in an error and not in a sandbox with a hole. Null for a process that has ended.
 */
export function missingConfinement(pid: number, namespaces: readonly string[] = allNamespaces): string[] | null {
  try {
    return missingAround(pid, namespaces)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === "ENOENT" || code === "ESRCH") return null
    throw error
  }
}

function missingAround(pid: number, namespaces: readonly string[]): string[] {
  const status = readFileSync(`/proc/${pid}/status`, "utf8")
  const field = (name: string): string => new RegExp(`^${name}:\\s*(.*)$`, "m").exec(status)?.[1] ?? ""
  const missing: string[] = []
  if (field("Uid").split(/\s+/).includes("0")) missing.push("a user other than root")
  if (field("Gid").split(/\s+/).includes("0")) missing.push("a group other than root's")
  if (field("NoNewPrivs") !== "1") missing.push("no new privileges")
  if (field("Seccomp") !== "2") missing.push("the system call filter")
  for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"])
    if (!/^0+$/.test(field(set))) missing.push(`an empty set of capabilities (${set})`)
  for (const name of namespaces)
    if (namespaceOf(pid, name) === namespaceOf("self", name)) missing.push(`a namespace of its own (${name})`)
  return missing
}

function namespaceOf(pid: number | "self", name: string): string {
  return readlinkSync(`/proc/${pid}/ns/${name}`)
}
