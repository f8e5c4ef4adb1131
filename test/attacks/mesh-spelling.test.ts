import assert from "node:assert/strict"
import type { IncomingMessage } from "node:http"
import { test, type TestContext } from "node:test"
import { meshGuest, resultOf, tryFetch } from "./mesh-guest.ts"
import { serveHttp } from "./upstream.ts"
import { privateHosts } from "./private-hosts.ts"

interface Seen {
  readonly names: Set<string>
  readonly hosts: Set<string | undefined>
}

/** What a guest reached when it may reach only good.example, by the spellings that it tried. */
async function spellings(
  t: TestContext,
  urlsFor: (port: number) => readonly string[],
): Promise<{ readonly answers: Record<string, string>; readonly seen: Seen; readonly port: number }> {
  const seen: Seen = { names: new Set(), hosts: new Set() }
  const port = await serveHttp(t, (request: IncomingMessage, response) => {
    seen.hosts.add(request.headers.host)
    response.end("reached")
  })
  const lookup = (name: string): Promise<string[]> => {
    seen.names.add(name)
    return Promise.resolve(["127.0.0.1"])
  }
  const urls = urlsFor(port)
  const script = `${tryFetch}
    const answers = []
    for (const url of input) answers.push(await tryFetch(url))
    return answers`
  const policy = { allowedOrigins: [`http://good.example:${port}`] }
  const answers = resultOf(await meshGuest(t, { lookup }).attack(script, policy, urls)) as string[]
  return { answers: Object.fromEntries(urls.map((url, index) => [url, answers[index] ?? ""])), seen, port }
}

function assertOnlyGood({ seen, port }: { readonly seen: Seen; readonly port: number }): void {
  for (const name of seen.names) assert.equal(name, "good.example")
  for (const host of seen.hosts) assert.equal(host, `good.example:${port}`)
}

test("null bytes, control characters and white space in a host reach no other host", async (t) => {
  const found = await spellings(t, (port) => [
    `http://good.example:${port}\u0000.evil.example`,
    `http://good.example\u0000.evil.example:${port}`,
    `http://evil.example\u0000good.example:${port}`,
    `http://evil.example%00.good.example:${port}`,
    `http://evil.example%2500.good.example:${port}`,
    `http://evil.example\t.good.example:${port}`,
    `http://evil.example\r\n.good.example:${port}`,
    `http://evil.example .good.example:${port}`,
    `\u0000\u0001 http://good.example:${port}/ \u0000`,
  ])
  assertOnlyGood(found)
  const [last] = Object.values(found.answers).toReversed()
  assert.equal(last, "200 reached")
  for (const answer of Object.values(found.answers).slice(0, -1)) assert.match(answer, /mesh\.denied|TypeError/)
})

test("case, trailing dots and percent-encoding are the same host, nothing more", async (t) => {
  const found = await spellings(t, (port) => [
    `HTTP://GOOD.Example:${port}`,
    `http://good.example.:${port}`,
    `http://g%6fod.example:${port}`,
    `http://good.example..:${port}`,
    `http://.good.example:${port}`,
    `http://good.example:${port}.evil.example`,
  ])
  assertOnlyGood(found)
  assert.deepEqual(Object.values(found.answers), [
    "200 reached",
    "200 reached",
    "200 reached",
    "mesh.denied",
    "mesh.denied",
    "TypeError",
  ])
})

test("punycode, full-width letters and mixed scripts are other hosts, unless they are the same", async (t) => {
  const found = await spellings(t, (port) => [
    `http://ｇｏｏｄ．ｅｘａｍｐｌｅ:${port}`,
    `http://good。example:${port}`,
    `http://gооd.example:${port}`,
    `http://xn--gd-jbca.example:${port}`,
    `http://good.exаmple:${port}`,
    `http://good.example\u200b:${port}`,
    `http://good\u00ad.example:${port}`,
  ])
  assertOnlyGood(found)
  const answers = Object.values(found.answers)
  assert.deepEqual(answers.slice(0, 2), ["200 reached", "200 reached"])
  for (const answer of answers.slice(2, 5)) assert.equal(answer, "mesh.denied")
})

test("user names, backslashes, fragments and queries do not move the host", async (t) => {
  const found = await spellings(t, (port) => [
    `http://good.example:${port}@evil.example/`,
    `http://good.example%3a${port}@evil.example/`,
    `http://evil.example@good.example:${port}/`,
    `http://user:password@good.example:${port}/`,
    `http://evil.example\\@good.example:${port}/`,
    `http://evil.example#@good.example:${port}/`,
    `http://evil.example?@good.example:${port}/`,
    `http:\\\\good.example:${port}\\path`,
    `http:///good.example:${port}/`,
    `//good.example:${port}/`,
    `javascript://good.example:${port}/%0aalert(1)`,
    `file://good.example:${port}/etc/passwd`,
  ])
  assertOnlyGood(found)
  const reached = Object.entries(found.answers).filter(([, answer]) => answer === "200 reached")
  assert.deepEqual(
    reached.map(([url]) => url.slice(0, 20)),
    ["http:\\\\good.example:", "http:///good.example"],
  )
})

test("no spelling of a private address is reached by a policy that allows public ones", async (t) => {
  const port = await serveHttp(t, () => assert.fail("a private address was reached"))
  const hosts = [
    ...privateHosts,
    "①②⑦.⓪.⓪.①",
    "[0:0:0:0:0:0:0:1]",
    "[64:ff9b:1::7f00:1]",
    "[2001:0:7f00:1::]",
    "[fe80::1%lo]",
    "[::1%25lo]",
    "[fc00::1]",
    "172.16.0.1",
    "256.256.256.256",
    "1.2.3.4.5",
    "4294967296",
  ]
  const script = `${tryFetch}
    const answers = []
    for (const url of input) answers.push(await tryFetch(url))
    return answers`
  const guest = meshGuest(t, { lookup: () => Promise.resolve(["127.0.0.1"]) })
  const urls = hosts.map((host) => `http://${host}:${port}/`)
  for (const policy of [
    { defaultPolicy: "allow" as const },
    { allowedOrigins: ["*"], allowAll: true },
    { allowedOrigins: ["http://*"], allowAll: true },
  ]) {
    const answers = resultOf(await guest.attack(script, policy, urls)) as string[]
    assert.deepEqual(
      hosts.filter((_, index) => !/^(mesh\.denied|TypeError)$/.test(answers[index] ?? "")),
      [],
    )
  }
})

test("headers and methods with line breaks are not sent", async (t) => {
  const seen: string[] = []
  const port = await serveHttp(t, (request, response) => {
    seen.push(`${request.method} ${JSON.stringify(request.rawHeaders)}`)
    response.end("reached")
  })
  const guest = meshGuest(t, {})
  const origin = `http://127.0.0.1:${port}`
  const script = `${tryFetch}
    const raw = async (request) => { try { return await tryFetch(request) } catch (error) { return error.name } }
    const answers = []
    for (const value of ["a\\r\\nx-evil: 1", "a\\nx-evil: 1", "a\\rx-evil: 1", "a\\u0000", "a\\r\\n\\r\\nGET /evil HTTP/1.1\\r\\n"])
      answers.push(await tryFetch(input, { headers: { "x-a": value } }), await tryFetch(input, { method: value }))
    answers.push(await tryFetch(input, { headers: [["x-a\\r\\nx-evil", "1"]] }), await tryFetch(input + "/\\r\\nx-evil: 1"))
    return answers`
  const answers = resultOf(await guest.attack(script, { allowedOrigins: [origin] }, origin)) as string[]
  for (const answer of answers.slice(0, -1)) assert.match(answer, /TypeError|input\.invalid|mesh\.denied/)
  assert.doesNotMatch(seen.join(), /x-evil"|\/evil/)
})

test("a guest that asks the supervisor past its own fetch gets no further", async (t) => {
  const seen: (string | undefined)[] = []
  const port = await serveHttp(t, (request, response) => {
    seen.push(request.headers.host)
    response.end("reached")
  })
  const origin = `http://127.0.0.1:${port}`
  const script = `${tryFetch}
    const headers = [["Host", "metadata.internal"], ["Transfer-Encoding", "chunked"], ["Content-Length", "1"], ["Connection", "Upgrade"],
      ["Upgrade", "h2c"], ["Proxy-Connection", "keep-alive"], ["X-Forwarded-Host", "other.example"]]
    return tryFetch(input, { method: "POST", body: "0\\r\\n\\r\\nGET /smuggled HTTP/1.1\\r\\nhost: x\\r\\n\\r\\n", headers })`
  const run = await meshGuest(t, {}).attack(script, { allowedOrigins: [origin] }, origin)
  assert.equal(resultOf(run), "200 reached")
  assert.deepEqual(seen, [`127.0.0.1:${port}`])
})
