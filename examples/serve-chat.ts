// Serves workers/chat.ts with the real command on a free port, and talks with it as browsers would.
import assert from "node:assert/strict"
import { once } from "node:events"
import { serveWorker } from "./support/serve-worker.ts"

await using server = await serveWorker("chat.ts")
assert.equal((await fetch(server.url)).status, 426)

const ada = open(`${server.url}/?name=ada`)
assert.equal(await ada.next(), "ada joined")
const bob = open(`${server.url}/?name=bob`)
assert.deepEqual([await ada.next(), await bob.next()], ["bob joined", "bob joined"])
bob.socket.send("hello")
assert.deepEqual([await ada.next(), await bob.next()], ["bob: hello", "bob: hello"])
bob.socket.close()
assert.equal(await ada.next(), "bob left")

const echo = open(`${server.url}/echo`)
await once(echo.socket, "open")
echo.socket.send("from a guest")
assert.equal(await echo.next(), "echo from a guest")
echo.socket.close()

const closed = once(ada.socket, "close") as Promise<[CloseEvent]>
server.stop()
assert.equal((await closed)[0].code, 1001)

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
