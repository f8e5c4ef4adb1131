import assert from "node:assert/strict"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { test } from "node:test"
import { followEvents } from "./follow-events.ts"
import { serverApi } from "./http-api.ts"

test("followEvents goes on behind the last event when a connection ends or breaks, and stops at what the server refuses", async (context) => {
  const asked: (string | undefined)[] = []
  const server = createServer((request, response) => {
    asked.push(request.url)
    if (asked.length === 5) {
      const error = { code: "auth.invalid", message: "the key was revoked" }
      return void response.writeHead(401).end(JSON.stringify({ error }))
    }
    if (asked.length === 3) return void request.socket.destroy()
    response.writeHead(200, { "content-type": "text/event-stream" })
    response.write(`event: step\ndata: ${asked.length}\nid: ${asked.length * 10}\n\n`)
    if (asked.length === 2) setImmediate(() => request.socket.destroy())
    else response.end()
  })
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening))
  context.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const api = serverApi(new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`), "mf_x")
  let lost = 0
  const seen: unknown[] = []
  const options = { signal: new AbortController().signal, onLost: () => lost++ }
  await assert.rejects(
    async () => {
      for await (const { data } of followEvents(api, "/v1/x?tenant=a", options)) seen.push(data)
    },
    { code: "auth.invalid" },
  )
  assert.deepEqual(asked, [
    "/v1/x?tenant=a",
    "/v1/x?tenant=a&cursor=10",
    "/v1/x?tenant=a&cursor=20",
    "/v1/x?tenant=a&cursor=20",
    "/v1/x?tenant=a&cursor=40",
  ])
  assert.deepEqual([seen, lost], [[1, 2, 4], 3])
})
