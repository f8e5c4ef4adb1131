import assert from "node:assert/strict"
import { mkdtemp, rm } from "node:fs/promises"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, test } from "node:test"
import { fileURLToPath } from "node:url"
import type { Client as McpClient } from "@modelcontextprotocol/client"
import { startTestServer } from "../contract/test-server.ts"
import { mayfly } from "../e2e/mayfly-process.ts"
import { mcpSuite } from "./mcp-suite.ts"
import { Client, StdioClientTransport } from "./official-client.ts"

const bin = fileURLToPath(new URL("../../packages/mayfly/bin/mayfly.mjs", import.meta.url))
const flags = ["--conditions=source", "--disable-warning=ExperimentalWarning"]

async function start(args: readonly string[], env: Record<string, string> = {}): Promise<McpClient> {
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [...flags, bin, "mcp", ...args],
    env: { PATH: process.env["PATH"] ?? "", ...env },
    stderr: "ignore",
  })
  const client = new Client({ name: "test", version: "1" })
  await client.connect(transport)
  return client
}

const server = await startTestServer()
after(() => server.stop())
const client = await start(["--url", server.url], { MAYFLY_KEY: server.key })
after(() => client.close())

mcpSuite(
  () => client,
  async (link) => {
    const answer = await fetch(link, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: '{"approved":true}',
    })
    assert.equal(answer.status, 200)
  },
)

test("without a server it owns the data directory, and gives it back when its client goes", async () => {
  const data = await mkdtemp(join(tmpdir(), "mayfly-mcp-"))
  after(() => rm(data, { recursive: true, force: true }))
  const own = await start(["--data", data, "--allow", "https://allowed.example"])
  const { tools } = await own.listTools()
  assert.match(
    tools.find(({ name }) => name === "run_code")?.description ?? "",
    /It may reach: https:\/\/allowed\.example/,
  )
  const { structuredContent } = await own.callTool({ name: "run_code", arguments: { code: "return 1" } })
  assert.equal((structuredContent as { result: unknown }).result, 1)
  await own.close()
  const { code, stderr } = await mayfly(["workflow", "ls", "--data", data])
  assert.deepEqual([code, stderr], [0, ""])
})

test("without a server, people answer by commands that reach the directory through it", async () => {
  const data = await mkdtemp(join(tmpdir(), "mayfly-mcp-"))
  after(() => rm(data, { recursive: true, force: true }))
  const upstream = createServer((_, response) => response.end("fine"))
  await new Promise<void>((resolve) => upstream.listen(0, "127.0.0.1", resolve))
  after(() => upstream.close())
  const origin = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`
  const own = await start(["--data", data])
  const code = `return (await fetch("${origin}/")).text()`
  const run = own.callTool({ name: "run_code", arguments: { code, ask: true } })
  const question = async (): Promise<string> => {
    for (;;) {
      const { stdout } = await mayfly(["approvals", "ls", "--json", "--data", data])
      const [, id] = /"id":"(apr_[^"]+)"/.exec(stdout) ?? []
      if (id !== undefined) return id
    }
  }
  const allowed = await mayfly(["approvals", "allow", await question(), "--data", data])
  assert.deepEqual([allowed.code, allowed.stderr], [0, ""])
  assert.equal(((await run).structuredContent as { result?: unknown }).result, "fine")
  const asked = await own.callTool({ name: "ask_for_approval", arguments: { question: "Deploy?" } })
  const { id, command, link } = asked.structuredContent as { id: string; command: string; link?: string }
  assert.equal(link, undefined)
  const [, words = ""] = /^mayfly (.*) --data /.exec(command) ?? []
  const args = words.split(" ").map((word) => word.replaceAll("'", ""))
  assert.equal((await mayfly([...args, "--data", data])).code, 0)
  const look = async (): Promise<Record<string, unknown>> =>
    (await own.callTool({ name: "get_workflow", arguments: { id } })).structuredContent as Record<string, unknown>
  while ((await look())["status"] !== "complete");
  assert.deepEqual(((await look())["output"] as { payload: unknown }).payload, { approved: true })
  await own.close()
})

test("a server that is not there, and a key that it does not know", async () => {
  const wrongKey = { MAYFLY_KEY: `mf_${"A".repeat(43)}` }
  for (const [url, code] of [
    ["http://127.0.0.1:1", "server.unreachable"],
    [server.url, "auth.invalid"],
  ] as const) {
    const refused = await start(["--url", url], wrongKey)
    const { isError, content } = await refused.callTool({ name: "run_code", arguments: { code: "1" } })
    assert.equal(isError, true)
    assert.match(JSON.stringify(content), new RegExp(code))
    await refused.close()
  }
})
