import { spawn } from "node:child_process"
import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { commandLine, processTree, pssBytes } from "../../packages/mayfly/src/cli/process-tree.ts"

const bin = fileURLToPath(new URL("../../packages/mayfly/bin/mayfly.mjs", import.meta.url))

/** `mayfly serve` in a process and a folder of its own. */
export interface Served extends AsyncDisposable {
  readonly url: string
  readonly key: string
  /** Of the server itself, and of the processes below it. */
  memory(): { readonly serverBytes: number; readonly otherBytes: number }
  /** Open descriptors of the server itself. */
  descriptors(): number
  readonly hasEnded: boolean
}

export async function serve(flags: readonly string[] = []): Promise<Served> {
  const folder = mkdtempSync(join(tmpdir(), "mayfly-bench-server-"))
  const child = spawn(process.execPath, [bin, "serve", "--port", "0", "--data", folder, ...flags], {
    stdio: ["ignore", "pipe", "ignore"],
  })
  let hasEnded = false
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()))
  child.once("close", () => (hasEnded = true))
  let text = ""
  const ready = Promise.withResolvers<void>()
  child.stdout.on("data", (chunk: Buffer) => {
    text += chunk.toString()
    if (/admin key: mf_\S+/.test(text) && /http:\/\/\S+/.test(text)) ready.resolve()
  })
  void ended.then(() => ready.reject(new Error(`mayfly serve ended: ${text}`)))
  await ready.promise
  const pid = child.pid ?? 0
  return {
    url: /http:\/\/[^\s/]+/.exec(text)?.[0] ?? "",
    key: /admin key: (mf_\S+)/.exec(text)?.[1] ?? "",
    memory() {
      const server = serverOf(pid)
      const others = processTree(server).filter((one) => one !== server)
      return { serverBytes: pssBytes([server]) ?? NaN, otherBytes: sum(others.map((one) => pssBytes([one]) ?? 0)) }
    },
    descriptors: () => readdirSync(`/proc/${serverOf(pid)}/fd`).length,
    get hasEnded() {
      return hasEnded
    },
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM")
      await ended
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Processes that have just ended count for nothing. */
function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

/** The launcher may have started the server as a process of its own. */
function serverOf(pid: number): number {
  return processTree(pid).findLast((one) => /mayfly\.mjs serve/.test(commandLine(one))) ?? pid
}
