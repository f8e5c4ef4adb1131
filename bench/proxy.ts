// npm run bench -- proxy: what the network of a sandbox costs, beside the same client on the machine's own loopback. Linux only.
import { fork, spawn } from "node:child_process"
import { once } from "node:events"
import { text } from "node:stream/consumers"
import { fileURLToPath } from "node:url"
import { createHttpEgress, createSandboxProxy, enterNamespace, openNamespaceListeners } from "@mayfly/mesh"
import { median } from "./measure/statistics.ts"

const quick = process.argv.includes("--quick")
const rounds = quick ? 3 : 7
const environment = { ...process.env, MEBIBYTES: quick ? "256" : "512", COUNT: quick ? "100" : "500" }
const client = fileURLToPath(new URL("proxy/client.ts", import.meta.url))

const server = fork(fileURLToPath(new URL("mesh/server.ts", import.meta.url)))
const [port] = (await once(server, "message")) as [number]
const names = { raw: `raw.test`, web: `web.test` }
const policy = { allowedOrigins: [`tcp://${names.raw}:${port}`, `http://${names.web}:${port}`] }
const egress = createHttpEgress({ lookup: () => Promise.resolve(["127.0.0.1"]) })
const proxy = createSandboxProxy({ tenant: "bench", sandboxId: "bench", policy, egress })
const holder = spawn(
  "unshare",
  ["--user", "--map-root-user", "--net", "--mount", "sh", "-c", "echo ready && exec cat"],
  {
    stdio: ["pipe", "pipe", "inherit"],
  },
)
await once(holder.stdout, "data")
const enter = enterNamespace(holder.pid ?? 0, { user: true })
const started = performance.now()
proxy.serve(await openNamespaceListeners({ enter, ports: proxy.ports }))
console.log(`listeners in a network namespace: ${(performance.now() - started).toFixed(0)} ms`)

/** In place of a name server: the first names asked for get these addresses. */
const addresses = { [names.raw]: await addressOf(names.raw), [names.web]: await addressOf(names.web) }
const ways: Readonly<Record<string, readonly string[]>> = {
  "own loopback": ["127.0.0.1", String(port)],
  "transparent, tcp rule": [addresses[names.raw] ?? "", String(port)],
  "CONNECT, tcp rule": [names.raw, String(port), "connect"],
  "absolute URL, http rule": [names.web, String(port), "http"],
}
try {
  await measure("rate", (value) => `${value.toFixed(0)} MiB/s`)
  await measure("time", (value) => `${value.toFixed(2)} ms`)
} finally {
  await proxy.close()
  await egress.close()
  holder.stdin.end()
  server.disconnect()
}

/** Interleaved, medians of rounds. */
async function measure(kind: "rate" | "time", shown: (value: number) => string): Promise<void> {
  const found = new Map<string, number[]>(Object.keys(ways).map((name) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    for (const [name, args] of Object.entries(ways)) found.get(name)?.push(await oneRound(kind, name, args))
  }
  const base = median(found.get("own loopback") ?? [])
  for (const [name, values] of found) {
    const value = median(values)
    console.log(
      `${kind === "rate" ? "one download" : "connection and GET, p50"}, ${name}: ${shown(value)} (${((value / base) * 100).toFixed(0)} %)`,
    )
  }
}

async function oneRound(kind: string, name: string, args: readonly string[]): Promise<number> {
  const [program, ...within] = name === "own loopback" ? [process.execPath] : [...enter, process.execPath]
  const child = spawn(program, [...within, client, kind, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
    env: environment,
  })
  return Number(await text(child.stdout))
}

async function addressOf(name: string): Promise<string> {
  const script = `const { Resolver } = require("dns").promises; const resolver = new Resolver(); resolver.setServers(["127.0.0.1"]); resolver.resolve4("${name}").then(([address]) => console.log(address))`
  const [program, ...within] = [...enter, process.execPath]
  const child = spawn(program, [...within, "-e", script], { stdio: ["ignore", "pipe", "inherit"] })
  return (await text(child.stdout)).trim()
}
