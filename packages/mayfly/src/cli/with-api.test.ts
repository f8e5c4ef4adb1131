import assert from "node:assert/strict"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { test } from "node:test"
import { loginCommand } from "./login-command.ts"
import type { Output } from "./output.ts"
import { runsCommand } from "./runs-command.ts"

function output(): Output & { text(): string } {
  let text = ""
  const stream = { write: (part: string) => ((text += part), true) } as unknown as NodeJS.WriteStream
  return { stdout: stream, stderr: stream, color: false, text: () => text }
}

test("commands say what is wrong with a server that is none of Mayfly's, and Ctrl-C ends the wait for one that says nothing", async () => {
  let asked = (): void => {}
  const someone = createServer((request, response) => {
    if (request.url?.startsWith("/v1/keys") === true) response.end("[1,2]")
    else if (request.url?.includes("limit=1") === true) response.end("<html>")
    else asked()
  })
  await new Promise<void>((listening) => someone.listen(0, "127.0.0.1", listening))
  const url = `http://127.0.0.1:${(someone.address() as AddressInfo).port}`
  process.env["MAYFLY_KEY"] = "mf_x"
  const login = output()
  assert.equal(await loginCommand(url, { key: "mf_x", name: "none" }, login), 2)
  assert.match(login.text(), /is no server of Mayfly's/)
  const page = output()
  assert.equal(await runsCommand("ls", "", { url, limit: "1" }, page), 1)
  assert.match(page.text(), /^mayfly: server\.unreachable: the server answered 200 with what is no answer of Mayfly's/)
  const waits = new Promise<void>((resolve) => (asked = resolve))
  const silent = output()
  const code = runsCommand("ls", "", { url }, silent)
  await waits
  process.kill(process.pid, "SIGINT")
  assert.deepEqual([await code, silent.text()], [130, ""])
  someone.closeAllConnections()
  await new Promise((closed) => someone.close(closed))
})
