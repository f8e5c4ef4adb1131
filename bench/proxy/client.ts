// The sandbox's side of bench proxy: reads a body by one way and prints MiB/s, or times connections with one request each.
import { connect, type Socket } from "node:net"

const [kind = "", host = "", port = "", via = ""] = process.argv.slice(2)

/** A connection by name, or through the proxy's port. */
async function open(): Promise<Socket> {
  if (via === "") return connected(connect({ host, port: Number(port) }))
  const socket = await connected(connect({ host: "127.0.0.1", port: 3128 }))
  if (via === "http") return socket
  socket.write(`CONNECT ${host}:${port} HTTP/1.1\r\nHost: ${host}:${port}\r\n\r\n`)
  await new Promise((resolve) => socket.once("data", resolve))
  socket.pause()
  return socket
}

function connected(socket: Socket): Promise<Socket> {
  socket.setNoDelay(true)
  return new Promise((resolve, reject) => {
    socket.once("error", reject)
    socket.once("connect", () => resolve(socket))
  })
}

async function get(path: string): Promise<number> {
  const socket = await open()
  const target = via === "http" ? `http://${host}:${port}${path}` : path
  socket.write(`GET ${target} HTTP/1.1\r\nHost: ${host}:${port}\r\nConnection: close\r\n\r\n`)
  let bytes = 0
  socket.on("data", (chunk: Buffer) => void (bytes += chunk.length))
  socket.resume()
  await new Promise((resolve, reject) => {
    socket.once("error", reject)
    socket.once("close", resolve)
  })
  return bytes
}

if (kind === "rate") {
  const started = performance.now()
  const bytes = await get(`/large?${process.env["MEBIBYTES"]}`)
  console.log(bytes / 2 ** 20 / ((performance.now() - started) / 1_000))
} else {
  const times: number[] = []
  for (let n = 0; n < Number(process.env["COUNT"]); n++) {
    const started = performance.now()
    await get("/small")
    times.push(performance.now() - started)
  }
  console.log(times.toSorted((one, other) => one - other)[times.length >> 1])
}
