import { readFileSync } from "node:fs"
import { type Platform, Sandbox } from "mayfly"
import { processTree } from "../../packages/mayfly/src/cli/process-tree.ts"
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
        // Of all sandboxes of this process: from outside it can't be seen which is whose.
        pids: async () => insideProcesses(),
        destroy: () => sandbox.destroy(),
      }
    },
    close: async () => {},
  }
}

/** Processes below this one that run in sandboxes, and those around them. */
function insideProcesses(): readonly number[] {
  return processTree(process.pid).filter(
    (pid) =>
      read(`/proc/${pid}/mountinfo`).includes(" /.mayfly/agent ") || read(`/proc/${pid}/comm`).trim() === "bwrap",
  )
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return ""
  }
}
