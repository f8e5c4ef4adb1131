// The other side of bench mesh, in a process of its own: /small, /large?MIB and /stream.
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"

const chunk = Buffer.alloc(64 << 10, "x")

const server = createServer((request, response) => {
  const [path, query = "0"] = (request.url ?? "").split("?")
  if (path === "/small") return void response.end("hello")
  // Answers that stay open: one chunk each, and no end.
  if (path === "/stream") return void response.write(chunk)
  let left = (Number(query) << 20) / chunk.length
  const more = (): void => {
    while (left-- > 0) if (!response.write(chunk)) return void response.once("drain", more)
    response.end()
  }
  more()
})
server.keepAliveTimeout = 60_000
server.listen(0, "127.0.0.1", () => process.send?.((server.address() as AddressInfo).port))
process.on("disconnect", () => process.exit(0))
