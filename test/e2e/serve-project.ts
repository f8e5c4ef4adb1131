import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { type MayflyProcess, startMayfly } from "./mayfly-process.ts"

export interface ServedProject extends MayflyProcess {
  /** Of the worker. */
  readonly url: string
  readonly folder: string
  /** Waits for the end and removes the folder. */
  stop(signal?: NodeJS.Signals): Promise<number | null>
}

/** Serves this worker with the real command. The packages of this repository are beside it. */
export async function serveWorker(text: string, options: readonly string[] = []): Promise<ServedProject> {
  const folder = mkdtempSync(join(tmpdir(), "mayfly-serve-"))
  mkdirSync(join(folder, "node_modules"))
  symlinkSync(fileURLToPath(new URL("../../node_modules/hono", import.meta.url)), join(folder, "node_modules", "hono"))
  writeFileSync(join(folder, "worker.ts"), text)
  const started = startMayfly(["serve", "worker.ts", "--port", "0", "--worker-port", "0", ...options], { cwd: folder })
  const [, url = ""] = await started.output(/^worker is serving at (\S+)$/m)
  const stop = async (signal: NodeJS.Signals = "SIGTERM"): Promise<number | null> => {
    started.child.kill(signal)
    const { code } = await started.finished
    rmSync(folder, { recursive: true, force: true })
    return code
  }
  return { ...started, url, folder, stop }
}
