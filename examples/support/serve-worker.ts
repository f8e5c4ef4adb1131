import assert from "node:assert/strict"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

/** A worker of workers/ behind the real command `mayfly serve`, on free ports. */
export interface ServedWorker extends AsyncDisposable {
  readonly url: string
  /** Asks the server to stop. */
  stop(): void
}

/** Starts it, and waits until it serves. `options` go to the command. Disposing stops it, and asserts that it ended well. */
export async function serveWorker(name: string, options: readonly string[] = []): Promise<ServedWorker> {
  const command = fileURLToPath(new URL("../../packages/mayfly/bin/mayfly.mjs", import.meta.url))
  const file = fileURLToPath(new URL(`../workers/${name}`, import.meta.url))
  const folder = mkdtempSync(join(tmpdir(), "mayfly-example-"))
  const given = ["--port", "0", "--worker-port", "0", "--data", join(folder, "data"), ...options]
  const server = spawn(process.execPath, [...process.execArgv, command, "serve", file, ...given], {
    stdio: ["ignore", "pipe", "pipe"],
  })
  const stop = (): void => void server.kill("SIGTERM")
  return {
    url: await printedUrl(server),
    stop,
    async [Symbol.asyncDispose]() {
      stop()
      if (server.exitCode === null) await once(server, "exit")
      rmSync(folder, { recursive: true })
      assert.equal(server.exitCode, 0)
    },
  }
}

/** The server prints its addresses when it is ready. */
function printedUrl(server: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let printed = ""
    for (const stream of [server.stdout, server.stderr])
      stream?.on("data", (text: Buffer) => {
        printed += text.toString()
        const match = /^worker is serving at (\S+)$/m.exec(printed)
        if (match !== null) resolve(match[1] ?? "")
      })
    server.once("exit", () => reject(new Error(`the server ended: ${printed}`)))
  })
}
