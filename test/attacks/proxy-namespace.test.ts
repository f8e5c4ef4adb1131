import assert from "node:assert/strict"
import { networkInterfaces } from "node:os"
import { test } from "node:test"
import { noNamespaces, sandboxNetwork } from "./sandbox-network.ts"
import { echo, serveHttp, serveSocket } from "./upstream.ts"

const skip = noNamespaces

/** Prints what came of a TCP connection to each of `ends`, "connected" or the error's code. */
function connecting(ends: readonly (readonly [string, number])[]): string {
  return `import { connect } from "node:net"
    const results = []
    for (const [host, port] of ${JSON.stringify(ends)}) results.push(await new Promise((resolve) => {
      const socket = connect({ host, port, timeout: 3000 })
      socket.on("connect", () => resolve("connected")).on("error", (error) => resolve(error.code)).on("timeout", () => resolve("timeout"))
    }))
    console.log(JSON.stringify(results))
    process.exit()`
}

test(
  "nothing but the proxy can be reached: not this machine, not the network, not metadata services, not by UDP or raw sockets",
  { skip },
  async (t) => {
    const port = await serveSocket(t, () => assert.fail("this machine was reached"))
    const net = await sandboxNetwork(t, { policy: { allowedOrigins: ["http://api.test"] } })
    const own = Object.values(networkInterfaces())
      .flatMap((all) => all ?? [])
      .filter(({ family, internal }) => family === "IPv4" && !internal)
    const ends = [
      ["127.0.0.1", port],
      ["169.254.169.254", 80],
      ["1.1.1.1", 53],
      ["10.0.0.1", 80],
      ...own.map(({ address }) => [address, port]),
    ] as [string, number][]
    const results = JSON.parse(await net.node(connecting(ends))) as string[]
    assert.equal(results[0], "ECONNREFUSED")
    for (const result of results.slice(1)) assert.equal(result, "ENETUNREACH")
    const udp = await net.node(`import { createSocket } from "node:dgram"
    createSocket("udp4").send("x", 53, "1.1.1.1", (error) => { console.log(error?.code); process.exit() })`)
    assert.equal(udp, "ENETUNREACH")
    const listened = await net.node(`import { createServer } from "node:net"
    createServer().on("error", (error) => console.log(error.code)).listen(443, "0.0.0.0", () => { console.log("listening"); process.exit() })`)
    assert.equal(listened, "EADDRINUSE", "a program of the sandbox cannot stand in our place")
  },
)

test("an address that was given to no name, and our listeners on loopback, lead nowhere", { skip }, async (t) => {
  const port = await serveHttp(t, echo)
  const net = await sandboxNetwork(t, {
    policy: { allowedOrigins: [`http://api.test:${port}`, `http://*.other.test:${port}`] },
  })
  for (const host of ["198.18.99.99", "198.19.255.255", "198.18.1.0"]) {
    const { code } = await net.curl("-H", `Host: api.test:${port}`, `http://${host}:${port}/`)
    assert.notEqual(code, 0, host)
  }
  const loopback = await net.curl("-H", `Host: api.test:${port}`, `http://127.0.0.1:${port}/`)
  assert.notEqual(loopback.code, 0)
  assert.deepEqual(new Set(net.rows.map(({ decision }) => decision)), new Set(["deny"]))
  assert.equal(net.rows[0]?.origin, `tcp://198.18.99.99:${port}`)
  const known = await net.curl(`http://api.test:${port}/`)
  assert.equal(known.code, 0)
  // The address of one name with the Host of another, which is allowed as well: each connection is for one host.
  const other = await net.curl("-w", "%{http_code}", "-H", `Host: api.test:${port}`, `http://x.other.test:${port}/`)
  assert.match(other.stdout, /421$/)
})

test(
  "the name server knows allowed names only, and asks nobody about others, whatever is asked in whatever way",
  { skip },
  async (t) => {
    const asked: string[] = []
    const lookup = (name: string): Promise<readonly string[]> => {
      asked.push(name)
      return Promise.resolve(["127.0.0.1"])
    }
    const net = await sandboxNetwork(t, {
      policy: { allowedOrigins: ["https://api.test", "https://*.example.org"] },
      egress: { lookup },
    })
    const script = `import { Resolver } from "node:dns/promises"
    const resolver = new Resolver({ timeout: 3000, tries: 1 })
    resolver.setServers(["127.0.0.1"])
    const answers = {}
    for (const [name, type] of ${JSON.stringify([
      ["api.test", "A"],
      ["API.TEST", "A"],
      ["api.test", "AAAA"],
      ["api.test", "TXT"],
      ["a.b.example.org", "A"],
      ["example.org", "A"],
      ["evil.test", "A"],
      ["c2VjcmV0.evil.test", "TXT"],
      ["127.0.0.1", "A"],
      ["localhost", "A"],
      ["1.0.0.127.in-addr.arpa", "PTR"],
    ])}) answers[name + " " + type] = await resolver.resolve(name, type).catch((error) => error.code)
    console.log(JSON.stringify(answers))`
    assert.deepEqual(JSON.parse(await net.node(script)), {
      "api.test A": ["198.18.1.0"],
      "API.TEST A": ["198.18.1.0"],
      "api.test AAAA": "ENODATA",
      "api.test TXT": "ENODATA",
      "a.b.example.org A": ["198.18.1.1"],
      "example.org A": "ENOTFOUND",
      "evil.test A": "ENOTFOUND",
      "c2VjcmV0.evil.test TXT": "ENOTFOUND",
      "127.0.0.1 A": "ENOTFOUND",
      "localhost A": "ENOTFOUND",
      "1.0.0.127.in-addr.arpa PTR": "ENOTFOUND",
    })
    assert.deepEqual(asked, [])
    const refused = net.rows.map(({ method, origin }) => `${method} ${origin}`)
    assert.ok(refused.includes("DNS https://c2vjcmv0.evil.test"))
    assert.equal(new Set(refused).size, refused.length, "a name that is asked for twice is told once")
  },
)

test("over TCP the name server answers the same, and cuts off who sends garbage", { skip }, async (t) => {
  const net = await sandboxNetwork(t, { policy: { allowedOrigins: ["https://api.test"] } })
  const script = `import { connect } from "node:net"
    const name = (text) => Buffer.concat([...text.split(".").map((part) => Buffer.from([part.length, ...Buffer.from(part)])), Buffer.from([0])])
    const query = (text) => { const body = Buffer.concat([Buffer.from([0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]), name(text), Buffer.from([0, 1, 0, 1])]); return Buffer.concat([Buffer.from([0, body.length]), body]) }
    const say = (bytes) => new Promise((resolve) => { const said = []; const socket = connect(53, "127.0.0.1", () => socket.end(bytes)); socket.on("data", (data) => void said.push(data)); socket.on("error", () => {}); socket.on("close", () => resolve(Buffer.concat(said).toString("hex"))) })
    console.log(await say(Buffer.concat([query("api.test"), query("evil.test")])))
    console.log(await say(Buffer.from([255, 255, 1, 2, 3])))
    console.log(await say(Buffer.from([0, 5, 1, 2, 3, 4, 5])))`
  const [two, ...garbage] = (await net.node(`${script}`)).split("\n")
  assert.match(two ?? "", /8180000100010000/, "an answer")
  assert.match(two ?? "", /8183000100000000/, "and a refusal")
  assert.deepEqual(garbage.join(""), "")
})

test("a flood of names is refused, and does not fill the ledger", { skip }, async (t) => {
  const net = await sandboxNetwork(t, { policy: { allowedOrigins: ["https://api.test"] } })
  const script = `import { Resolver } from "node:dns/promises"
    const resolver = new Resolver({ timeout: 3000, tries: 20 }) // a busy machine drops datagrams
    resolver.setServers(["127.0.0.1"])
    const counts = {}
    for (let round = 0; round < 60; round++) await Promise.all(Array.from({ length: 25 }, async (_, n) => {
      const code = await resolver.resolve4("x" + round + "-" + n + ".evil.test").catch((error) => error.code)
      counts[code] = (counts[code] ?? 0) + 1
    }))
    console.log(JSON.stringify([counts, await resolver.resolve4("api.test")]))`
  const [counts, address] = JSON.parse(await net.node(script)) as [Record<string, number>, string[]]
  assert.deepEqual([counts, address], [{ ENOTFOUND: 1_500 }, ["198.18.1.0"]])
  assert.ok(net.rows.length <= 1_100, `${net.rows.length} rows`)
})
