import assert from "node:assert/strict"
import { execFile } from "node:child_process"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, test } from "node:test"
import { promisify } from "node:util"
import { connect, DynamicWorker, DynamicWorkflow } from "@mayfly/client"
import { Client, StreamableHTTPClientTransport } from "../mcp/official-client.ts"
import { mayfly, startMayfly } from "./mayfly-process.ts"

// The way of somebody who has only the README: each step is one of its sections.

const data = await mkdtemp(join(tmpdir(), "mayfly-newcomer-"))
after(() => rm(data, { recursive: true, force: true }))
const served = startMayfly(["serve", "--port", "0", "--data", data])
const [, key = ""] = await served.output(/admin key: (mf_\S+)/)
const [, url = ""] = await served.output(/serving at (http:\S+)/)
after(async () => {
  served.child.kill("SIGTERM")
  await served.finished
})
const env = { MAYFLY_URL: url, MAYFLY_KEY: key }

test("a run by curl", async () => {
  const body =
    '{ "script": "console.log(\\"hi\\"); return input.a * 2", "input": { "a": 21 }, "limits": { "cpuMs": 500 } }'
  const headers = ["-H", `authorization: Bearer ${key}`, "-H", "content-type: application/json"]
  const { stdout } = await promisify(execFile)("curl", ["-s", `${url}/v1/run`, ...headers, "-d", body])
  const { ok, result, logs } = JSON.parse(stdout) as { ok: boolean; result: number; logs: { message: string }[] }
  assert.deepEqual([ok, result, logs.map(({ message }) => message)], [true, 42, ["hi"]])
})

test("a run by the client, with a binding that stays in this process", async () => {
  await using platform = connect({ url, key })
  await using worker = await DynamicWorker.create({
    script: "async (input, env) => input.amount * (await env.rate(input.currency))",
    env: { rate: async (currency: string) => (currency === "EUR" ? 0.9 : 1) },
    platform,
  })
  assert.equal(await worker.run({ amount: 10, currency: "EUR" }), 9)
})

test("a run by command", async () => {
  const { code, stdout } = await mayfly(["run", "-", "--input", '{"a":1}', "--json"], { input: "return input.a + 1" })
  assert.deepEqual([code, (JSON.parse(stdout) as { result: number }).result], [0, 2])
})

test("a run by an agent's tools", async () => {
  const client = new Client({ name: "newcomer", version: "1" })
  const headers = { authorization: `Bearer ${key}` }
  await client.connect(new StreamableHTTPClientTransport(new URL(`${url}/mcp`), { requestInit: { headers } }))
  const { structuredContent } = await client.callTool({ name: "run_code", arguments: { code: "return 6 * 7" } })
  assert.equal((structuredContent as { result: number }).result, 42)
  await client.close()
})

test("a workflow that a person approves", async () => {
  await using platform = connect({ url, key })
  const workflow = await DynamicWorkflow.create(platform.env.WORKFLOWS, {
    steps: [
      { name: "draft", code: "() => 'a letter'" },
      { name: "ask", waitForEvent: "approved", timeout: "7 days", prompt: "Send the letter?" },
      { name: "send", code: "(input) => `sent ${input}`", input: { $from: "draft" } },
    ],
  })
  let hook: string | undefined
  while (hook === undefined) hook = (await workflow.status()).waits[0]?.hook
  const page = await fetch(`${url}${hook}`)
  assert.match(await page.text(), /Send the letter\?/)
  const decided = await fetch(`${url}${hook}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: '{"by":"me"}',
  })
  assert.equal(decided.status, 200)
  assert.equal(await workflow.result(), "sent a letter")
})

test("a sandbox and its shell", { skip: process.platform !== "linux" }, async () => {
  await mayfly(["sandbox", "create", "box"], { env })
  const written = await mayfly(["sandbox", "exec", "box", "echo hello > note; cat note"], { env })
  assert.deepEqual([written.code, written.stdout], [0, "hello\n"])
  assert.equal((await mayfly(["sandbox", "rm", "box"], { env })).code, 0)
})

test("a report of what was used", async () => {
  const { code, stdout } = await mayfly(["usage", "--json", "--data", data])
  assert.equal(code, 0)
  const rows = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>)
  assert.match(JSON.stringify(rows), /"cpuMs"/)
  const csv = await fetch(`${url}/v1/usage`, { headers: { authorization: `Bearer ${key}`, accept: "text/csv" } })
  assert.match(await csv.text(), /^[a-zA-Z,]*runs/)
})
