// Serves workers/chat.ts with the real command on a free port, and talks with it as browsers would.
import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const command = fileURLToPath(new URL("../packages/mayfly/bin/mayfly.mjs", import.meta.url))
const file = fileURLToPath(new URL("workers/chat.ts", import.meta.url))
const folder = mkdtempSync(join(tmpdir(), "mayfly-example-"))
const options = ["--port", "0", "--worker-port", "0", "--data", join(folder, "data")]
const server = spawn(process.execPath, [...process.execArgv, command, "serve", file, ...options], {
  stdio: ["ignore", "pipe", "pipe"],
})
let printed = ""
for (const stream of [server.stdout, server.stderr]) stream.on("data", (text: Buffer) => (printed += text.toString()))
try {
  const url = await printedUrl()
  assert.equal((await fetch(url)).status, 426)

  const ada = open(`${url}/?name=ada`)
  assert.equal(await ada.next(), "ada joined")
  const bob = open(`${url}/?name=bob`)
  assert.deepEqual([await ada.next(), await bob.next()], ["bob joined", "bob joined"])
  bob.socket.send("hello")
  assert.deepEqual([await ada.next(), await bob.next()], ["bob: hello", "bob: hello"])
  bob.socket.close()
  assert.equal(await ada.next(), "bob left")

  const echo = open(`${url}/echo`)
  await once(echo.socket, "open")
  echo.socket.send("from a guest")
  assert.equal(await echo.next(), "echo from a guest")
  echo.socket.close()

  const closed = once(ada.socket, "close") as Promise<[CloseEvent]>
  server.kill("SIGTERM")
  assert.equal((await closed)[0].code, 1001)
} finally {
  server.kill("SIGTERM")
  if (server.exitCode === null) await once(server, "exit")
  rmSync(folder, { recursive: true })
}
assert.equal(server.exitCode, 0)

/** A WebSocket, and its messages one by one. */
function open(at: string): { readonly socket: WebSocket; next(): Promise<string> } {
  const socket = new WebSocket(at.replace("http", "ws"))
  const messages: string[] = []
  const arrived = new EventTarget()
  socket.addEventListener("message", ({ data }) => {
    messages.push(String(data))
    arrived.dispatchEvent(new Event("message"))
  })
  const next = async (): Promise<string> => {
    while (messages.length === 0) await once(arrived, "message")
    return messages.shift() ?? ""
  }
  return { socket, next }
}

/** The server prints its addresses when it is ready. */
function printedUrl(): Promise<string> {
  return new Promise((resolve, reject) => {
    server.stdout.on("data", () => {
      const match = /^worker is serving at (\S+)$/m.exec(printed)
      if (match !== null) resolve(match[1] ?? "")
    })
    server.once("exit", () => reject(new Error(`the server ended: ${printed}`)))
  })
}
