import { readdirSync, readFileSync } from "node:fs"
import { type Platform, Sandbox } from "mayfly"
import type { SandboxContender } from "./contender.ts"

/** Sandboxes of ours, each with its way out. */
export function mayflyContender(platform: Platform): SandboxContender {
  return {
    name: "mayfly",
    title: "Mayfly",
    async create() {
      const sandbox = await Sandbox.create({ platform, network: { allowedOrigins: ["https://example.com"] } })
      await sandbox.exec(["true"])
      return {
        exec: async (argv) => (await sandbox.exec(argv)).stdout,
        // Of all sandboxes: from outside it can't be seen which is whose.
        pids: async () => insideProcesses(),
        destroy: () => sandbox.destroy(),
      }
    },
    close: async () => {},
  }
}

/** Processes of sandboxes, and those around them. */
function insideProcesses(): readonly number[] {
  const inside = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && read(`/proc/${name}/mountinfo`).includes(" /.mayfly/agent "))
    .map(Number)
  const parents = inside.map((pid) => Number(/^PPid:\s+(\d+)/m.exec(read(`/proc/${pid}/status`))?.[1] ?? 0))
  const around = parents.filter((pid) => read(`/proc/${pid}/comm`).trim() === "bwrap")
  return [...new Set([...inside, ...around])]
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return ""
  }
}
