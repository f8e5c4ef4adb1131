import { fork } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import { type Platform, Sandbox } from "mayfly"
import { median } from "../measure/statistics.ts"
import { run } from "./run-command.ts"

export interface EgressRates {
  /** MiB/s of one download by curl, from a server on this machine. */
  readonly direct: number
  /** Through a proxy of Node's that only carries bytes. */
  readonly plainProxy: number
  readonly sandboxTunnel: number
  /** Where each request is decided, plain HTTP. */
  readonly sandboxRequests: number
}

/** Downloads in turn. The names resolve to this machine because the policy says so in its own words. */
export async function egressRates(platform: Platform, rounds: number, mebibytes: number): Promise<EgressRates> {
  const server = fork(fileURLToPath(new URL("../mesh/server.ts", import.meta.url)))
  const [port] = (await once(server, "message")) as [number]
  const proxy = fork(fileURLToPath(new URL("plain-proxy.ts", import.meta.url)), [String(port)])
  const [proxyPort] = (await once(proxy, "message")) as [number]
  // "localhost" inside is the sandbox's own, so a rule and an address that mean this machine are asked of the proxy's port.
  const tunnel = await Sandbox.create({ platform, network: { allowedOrigins: [`tcp://127.0.0.1:${port}`] } })
  const requests = await Sandbox.create({ platform, network: { allowedOrigins: [`http://127.0.0.1:${port}`] } })
  const curl = ["curl", "-sS", "--noproxy", "", "-o", "/dev/null", "-w", "%{speed_download}"]
  const url = (to: number): string => `http://127.0.0.1:${to}/large?${mebibytes}`
  const inside = async (sandbox: Sandbox, more: readonly string[]): Promise<string> => {
    const { stdout, stderr, success } = await sandbox.exec([...curl, ...more, url(port)])
    if (success) return stdout
    throw new Error(`curl in a sandbox: ${stderr.trim()}`)
  }
  const ways = {
    direct: () => run([...curl, url(port)]),
    plainProxy: () => run([...curl, url(proxyPort)]),
    sandboxTunnel: () => inside(tunnel, ["--socks5", "127.0.0.1:3128"]),
    sandboxRequests: () => inside(requests, ["--proxy", "http://127.0.0.1:3128"]),
  }
  try {
    const found: Record<keyof typeof ways, number[]> = {
      direct: [],
      plainProxy: [],
      sandboxTunnel: [],
      sandboxRequests: [],
    }
    for (let round = 0; round < rounds; round++)
      for (const name of Object.keys(ways) as (keyof typeof ways)[])
        found[name].push(Number(await ways[name]()) / 2 ** 20)
    return {
      direct: median(found.direct),
      plainProxy: median(found.plainProxy),
      sandboxTunnel: median(found.sandboxTunnel),
      sandboxRequests: median(found.sandboxRequests),
    }
  } finally {
    server.disconnect()
    proxy.disconnect()
    await Promise.all([tunnel.destroy(), requests.destroy()])
  }
}
