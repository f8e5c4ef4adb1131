import { once } from "node:events"
import { type AddressInfo, connect, createServer, type Socket } from "node:net"

export interface CuttingProxy extends AsyncDisposable {
  readonly url: string
  /** The next connections that answer are cut when this many bytes of the answer have come through; one each. */
  cutAfter(...bytes: readonly number[]): void
  /** Cuts all that is open. */
  cut(): void
  /** From now on nothing comes through, and nothing is closed; or all of what is new. */
  freeze(isFrozen: boolean): void
}

/** A network between a client and a server, which loses connections when the server has done its work. */
export async function cuttingProxy(target: string): Promise<CuttingProxy> {
  const { hostname, port } = new URL(target)
  const open = new Set<Socket>()
  const cuts: number[] = []
  let isFrozen = false
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname)
    const cut = (): void => {
      client.resetAndDestroy()
      upstream.destroy()
    }
    for (const socket of [client, upstream]) {
      open.add(socket)
      socket.on("error", cut).on("close", () => {
        open.delete(socket)
        cut()
      })
    }
    client.on("data", (data) => isFrozen || upstream.write(data))
    let seen = 0
    let most: number | undefined
    upstream.on("data", (data) => {
      if (isFrozen) return
      if (seen === 0) most = cuts.shift()
      seen += data.length
      if (most === undefined || seen <= most) return void client.write(data)
      const rest = data.subarray(0, Math.max(0, data.length - (seen - most)))
      if (rest.length === 0) return cut()
      client.write(rest, () => setImmediate(cut))
    })
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const cutAll = (): void => {
    for (const socket of open) socket.resetAndDestroy()
  }
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cutAfter: (...bytes) => void cuts.push(...bytes),
    cut: cutAll,
    freeze: (given) => void (isFrozen = given),
    async [Symbol.asyncDispose]() {
      cutAll()
      server.close()
      await once(server, "close")
    },
  }
}
