import assert from "node:assert/strict"
import { after, test } from "node:test"
import { startTestServer } from "../contract/test-server.ts"
import { mcpSuite } from "./mcp-suite.ts"
import { Client, StreamableHTTPClientTransport } from "./official-client.ts"

const server = await startTestServer()
after(() => server.stop())
const client = new Client({ name: "test", version: "1" })
const headers = { authorization: `Bearer ${server.key}` }
await client.connect(new StreamableHTTPClientTransport(new URL(`${server.url}/mcp`), { requestInit: { headers } }))
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

test("without a key there are no tools", async () => {
  const body = '{"jsonrpc":"2.0","id":1,"method":"tools/list"}'
  const answer = await fetch(`${server.url}/mcp`, {
    method: "POST",
    body,
    headers: { "content-type": "application/json" },
  })
  assert.equal(answer.status, 401)
})
