// The least that a proxy can be, in a process of its own: carries bytes between a connection and a port of this machine.
import { type AddressInfo, connect, createServer } from "node:net"

const port = Number(process.argv[2])
const server = createServer((near) => {
  const far = connect(port, "127.0.0.1")
  near.on("error", () => far.destroy())
  far.on("error", () => near.destroy())
  near.pipe(far).pipe(near)
})
server.listen(0, "127.0.0.1", () => process.send?.((server.address() as AddressInfo).port))
process.on("disconnect", () => process.exit(0))
