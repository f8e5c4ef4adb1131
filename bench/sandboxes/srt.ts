import { existsSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import type { SandboxContender } from "./contender.ts"
import { tryOut } from "./oci.ts"
import { findInPath, run } from "./run-command.ts"

const folder = join(dirname(dirname(fileURLToPath(import.meta.url))), "sandbox-peers")

interface Manager {
  initialize(config: object): Promise<void>
  wrapWithSandbox(command: string): Promise<string>
  reset(): Promise<void>
}

/** npm `@anthropic-ai/sandbox-runtime`: a sandbox around each command, with a proxy that is shared. */
export async function srtContender(): Promise<SandboxContender> {
  for (const program of ["bwrap", "socat", "rg"]) findInPath(program)
  const library = join(folder, "node_modules", "@anthropic-ai", "sandbox-runtime", "dist", "index.js")
  if (!existsSync(library)) {
    console.log("installing @anthropic-ai/sandbox-runtime for comparison (npm ci in bench/sandbox-peers, about 5 MB) …")
    await run(["npm", "--prefix", folder, "ci", "--ignore-scripts", "--no-audit", "--no-fund"])
  }
  const { SandboxManager } = (await import(pathToFileURL(library).href)) as { SandboxManager: Manager }
  await SandboxManager.initialize({
    network: { allowedDomains: ["example.com"], deniedDomains: [] },
    filesystem: { denyRead: [], allowWrite: ["/tmp"], denyWrite: [] },
  })
  const contender: SandboxContender = {
    name: "srt",
    title: "sandbox-runtime, a sandbox per command",
    async create() {
      await run([await SandboxManager.wrapWithSandbox("true")], { shell: true })
      return {
        exec: async (argv) => run([await SandboxManager.wrapWithSandbox(argv.join(" "))], { shell: true }),
        destroy: async () => {},
      }
    },
    close: () => SandboxManager.reset(),
  }
  await tryOut(contender)
  return contender
}
