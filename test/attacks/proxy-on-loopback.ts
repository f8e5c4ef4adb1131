import { once } from "node:events"
import { type AddressInfo, connect, createServer, type Socket } from "node:net"
import type { TestContext } from "node:test"
import {
  createHttpEgress,
  createSandboxProxy,
  type EgressOptions,
  type SandboxProxy,
  type SandboxProxyOptions,
} from "@mayfly/mesh"
import type { LedgerRow, NetworkPolicy } from "@mayfly/protocol"

export interface LoopbackProxy {
  readonly proxy: SandboxProxy
  readonly port: number
  readonly rows: readonly LedgerRow[]
  /** Names that our name server was asked for. */
  readonly lookups: Set<string>
  /** Sends bytes and gives all that comes back until the other side closes, or `until` is in it. */
  say(bytes: string | Uint8Array, until?: RegExp): Promise<string>
  /** A connection to the proxy's port. */
  open(): Promise<Socket>
  /** The status of a CONNECT. */
  tunnel(target: string): Promise<number>
  /** The reply code of a SOCKS5 request for a name. */
  socks(host: string | Uint8Array, port: number): Promise<number>
}

export interface LoopbackOptions extends Partial<Omit<SandboxProxyOptions, "policy" | "egress">> {
  readonly policy: NetworkPolicy
  readonly egress?: EgressOptions
}

/** The port for HTTP and SOCKS5 of a proxy, for clients that speak whatever they like. */
export async function proxyOnLoopback(
  t: TestContext,
  { policy, egress: given, ...rest }: LoopbackOptions,
): Promise<LoopbackProxy> {
  const rows: LedgerRow[] = []
  const lookups = new Set<string>()
  const lookup = (name: string): Promise<readonly string[]> => {
    lookups.add(name)
    return Promise.resolve(["127.0.0.1"])
  }
  const egress = createHttpEgress({ lookup, ...given })
  const onRow = (row: LedgerRow): void => void rows.push(row)
  const proxy = createSandboxProxy({ tenant: "t", sandboxId: "sbx_1", onRow, ...rest, policy, egress })
  const server = createServer()
  proxy.serveProxy(server)
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  t.after(async () => {
    await proxy.close()
    await egress.close()
  })
  const open = async (): Promise<Socket> => {
    const socket = connect({ port, host: "127.0.0.1" })
    socket.on("error", () => {})
    await once(socket, "connect")
    return socket
  }
  const say: LoopbackProxy["say"] = async (bytes, until) => {
    const socket = await open()
    const closed = new Promise((resolve) => socket.once("close", resolve))
    let said = ""
    socket.on("data", (data: Buffer) => {
      said += data.toString("latin1")
      if (until?.test(said) === true) socket.destroy()
    })
    socket.write(bytes)
    await closed
    return said
  }
  return {
    proxy,
    port,
    rows,
    lookups,
    say,
    open,
    async tunnel(target) {
      const said = await say(
        `CONNECT ${target} HTTP/1.1\r\nHost: ${target.replaceAll(/[^\x21-\x7e]/g, "")}\r\n\r\n`,
        /\r\n\r\n/,
      )
      return Number(/^HTTP\/1\.1 (\d+)/.exec(said)?.[1])
    },
    async socks(host, to) {
      const name = Buffer.from(host as string, "latin1")
      const request = Buffer.concat([
        Buffer.from([5, 1, 0, 5, 1, 0, 3, name.length]),
        name,
        Buffer.from([to >> 8, to & 255]),
      ])
      const said = Buffer.from(await say(request, /^..../s), "latin1")
      return said[3] ?? -1
    },
  }
}
