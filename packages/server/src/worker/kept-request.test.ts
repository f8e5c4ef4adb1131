import assert from "node:assert/strict"
import { once } from "node:events"
import { createServer, type IncomingMessage, request } from "node:http"
import type { AddressInfo } from "node:net"
import { after, test } from "node:test"
import { KeptRequest, maxKeptBytes, requestAgain } from "./kept-request.ts"

const server = createServer()
server.listen(0, "127.0.0.1")
await once(server, "listening")
after(() => server.close())

/** What is kept of a request that a server has got. */
async function keptOf(path: string, headers: Record<string, string>, body: string): Promise<string | undefined> {
  const { port } = server.address() as AddressInfo
  const got = once(server, "request")
  const asked = request({ port, host: "127.0.0.1", path, method: "POST", headers }).end(body)
  const [message, response] = (await got) as [IncomingMessage, { end(): void }]
  using kept = new KeptRequest(message)
  for await (const chunk of message) kept.add(chunk as Buffer)
  assert.equal(kept.text(), undefined)
  kept.end()
  const text = kept.text()
  response.end()
  await once(asked, "response")
  return text
}

test("KeptRequest keeps method, path, content type and body, and gives them again", async () => {
  const text = await keptOf("/tasks", { "content-type": "application/json", "x-secret": "s3cret" }, '{"a":"ä"}')
  assert.doesNotMatch(text ?? "", /secret/)
  const again = requestAgain(text ?? "", "http://127.0.0.1:8788/")
  assert.deepEqual(
    [again.method, again.url, [...again.headers], await again.json()],
    ["POST", "http://127.0.0.1:8788/tasks", [["content-type", "application/json"]], { a: "ä" }],
  )
})

test("KeptRequest keeps nothing of requests with credentials, a query or a long body", async () => {
  for (const name of ["authorization", "cookie", "x-api-key"])
    assert.equal(await keptOf("/", { [name]: "x" }, "{}"), undefined)
  assert.equal(await keptOf("/?key=x", {}, "{}"), undefined)
  assert.equal(await keptOf("/", {}, "x".repeat(maxKeptBytes + 1)), undefined)
  assert.notEqual(await keptOf("/", {}, "x".repeat(maxKeptBytes)), undefined)
})

test("a kept path stays on the server that it was sent to", () => {
  const text = JSON.stringify({ method: "GET", path: "//evil.example/x", type: "", body: "" })
  assert.equal(requestAgain(text, "http://127.0.0.1:8788").url, "http://127.0.0.1:8788//evil.example/x")
})
