// A fetch handler upgrades to a WebSocket, which the parent and another guest use.
import assert from "node:assert/strict"
import { createPlatform, DynamicWorker } from "mayfly"

await using platform = await createPlatform()
const room = await DynamicWorker.create({
  script: `export default {
    fetch(request) {
      if (request.headers.get("upgrade") !== "websocket") return new Response("upgrade, please", { status: 426 })
      const { 0: client, 1: server } = new WebSocketPair()
      server.accept()
      server.addEventListener("message", ({ data }) => server.send("you said " + data))
      return new Response(null, { status: 101, webSocket: client })
    } }`,
  // The run lasts as long as its socket; without this it would end after 30 s.
  limits: { wallMs: null },
  platform,
})

// The parent.
const { status, webSocket } = await room.fetch("https://any.example/", { headers: { upgrade: "websocket" } })
assert.equal(status, 101)
assert.ok(webSocket)
const answer = new Promise((resolve) => webSocket.addEventListener("message", ({ data }) => resolve(data)))
const closed = new Promise((resolve) => webSocket.addEventListener("close", ({ code }) => resolve(code)))
webSocket.accept()
webSocket.send("hello")
assert.equal(await answer, "you said hello")
webSocket.close(1000, "done")
assert.equal(await closed, 1000)

// Another guest, which has the room in its env.
const visitor = await DynamicWorker.create({
  script: `export default async (name, env) => {
    const { webSocket } = await env.ROOM.fetch("https://any.example/", { headers: { upgrade: "websocket" } })
    webSocket.accept()
    const answer = new Promise((resolve) => webSocket.addEventListener("message", ({ data }) => resolve(data)))
    webSocket.send("I am " + name)
    try { return await answer } finally { webSocket.close(1000) }
  }`,
  env: { ROOM: room },
  platform,
})
assert.equal(await visitor.run("Ada"), "you said I am Ada")
