import assert from "node:assert/strict"
import { test } from "node:test"
import { WebSocketPair } from "./run-web-socket.ts"
import { takeSocket } from "./take-socket.ts"
import { WorkerResponse } from "./worker-response.ts"

const headOf = ({ status, ok, statusText, headers }: Response): unknown => [status, ok, statusText, [...headers]]

test("WorkerResponse takes another response as its init, also an upgrade", async () => {
  const init = new Response("x", { status: 404, statusText: "gone", headers: { a: "b", "content-type": "c/d" } })
  const copy = new WorkerResponse(init.body, init)
  const fields = [
    ["a", "b"],
    ["content-type", "c/d"],
  ]
  assert.deepEqual([headOf(copy), await copy.text(), copy.webSocket], [[404, false, "gone", fields], "x", null])
  const webSocket = new WebSocketPair()[0]
  const upgrade = new WorkerResponse(null, { status: 101, webSocket, statusText: "s", headers: { a: "b" } })
  const second = new WorkerResponse(upgrade.body, upgrade)
  assert.deepEqual(headOf(second), [101, false, "s", [["a", "b"]]])
  assert.equal(second.webSocket, webSocket)
  assert.throws(() => second.clone(), /Cannot clone a response to a WebSocket handshake/)
})

test("WorkerResponse refuses a WebSocket without status 101, and what is no WebSocket", () => {
  const webSocket = new WebSocketPair()[0]
  assert.throws(() => new WorkerResponse(null, { webSocket }), { name: "RangeError" })
  assert.throws(() => new WorkerResponse(null, { status: 101 }), { name: "RangeError" })
  assert.throws(() => new WorkerResponse(null, { status: 101, webSocket: {} as never }), { name: "TypeError" })
})

test("takeSocket gives the end of a socket once, and none of an accepted one", () => {
  const { 0: near, 1: far } = new WebSocketPair()
  far.accept()
  takeSocket(near)
  assert.throws(() => takeSocket(near), /already used in a response/)
  assert.throws(() => takeSocket(far), /after calling accept/)
  assert.throws(() => takeSocket({} as never), /not one of a WebSocketPair/)
})
