import assert from "node:assert/strict"
import { test, type TestContext } from "node:test"
import { createHttpEgress } from "@mayfly/mesh"
import type { NetworkPolicy } from "@mayfly/protocol"
import { createRuntime, DynamicWorker, Facets, facetScope, type Runtime, WorkerLoader } from "@mayfly/runtime"
import { meshGuest, resultOf } from "./mesh-guest.ts"
import { serveHttp, serveRaw } from "./upstream.ts"

const secret = "sk-Live/0123+456789=abcdef"
const secrets = { resolve: async (tenant: string) => (tenant === "poor" ? null : secret) }
const stars = "*".repeat(secret.length)

/** The rule that adds the secret. */
function sends(origin: string): NetworkPolicy {
  return { allowedOrigins: [{ origin, headers: { authorization: { secret: "KEY" } } }] }
}

/** An isolate whose runs may be watched and streamed. */
function runtimeFor(t: TestContext): Runtime {
  const egress = createHttpEgress({ secrets })
  const runtime = createRuntime({ hosts: 1, spare: false, isolates: 1, egress })
  t.after(async () => {
    await runtime.dispose()
    await egress.close()
  })
  return runtime
}

test("prefix oracle: what is held back of a stream does not depend on the secret", async (t) => {
  const origin = `http://127.0.0.1:${await serveHttp(t, (_, response) => response.end("ok"))}`
  // A server of the attacker's, which any policy may allow: it sends a guess and then nothing.
  const guesses = `http://127.0.0.1:${await serveHttp(t, (request, response) => {
    response.write(decodeURIComponent(request.url?.slice(1) ?? ""))
  })}`
  const script = `await (await fetch(input.origin)).text()
    const seen = []
    for (const guess of input.guesses) {
      const reader = (await fetch(input.server + "/" + encodeURIComponent("some text " + guess))).body.getReader()
      const { value } = await Promise.race([reader.read(), new Promise((resolve) => setTimeout(resolve, 250, {}))])
      seen.push(value?.length ?? 0)
      await reader.cancel()
    }
    return seen`
  const input = { origin, server: guesses, guesses: [secret.slice(0, 9), "sk-Live/x", "qqqqqqqqq"] }
  const { allowedOrigins = [] } = sends(origin)
  const [right, wrong, other] = resultOf(
    await meshGuest(t, { secrets }).attack(script, { allowedOrigins: [...allowedOrigins, guesses] }, input),
  ) as number[]
  assert.deepEqual([right, wrong], [other, other])
})

test("yielded values and streamed answers are searched, as results are", async (t) => {
  const origin = `http://127.0.0.1:${await serveHttp(t, (_, response) => response.end("ok"))}`
  const platform = { runtime: runtimeFor(t) }
  const [head, tail] = [secret.slice(0, 7), secret.slice(7)]
  const script = `export default {
    async *run() { await (await fetch("${origin}")).text(); yield { value: "${head}" + "${tail}" } },
    async fetch() {
      await (await fetch("${origin}")).text()
      const { readable, writable } = new TransformStream()
      const writer = writable.getWriter()
      const encoder = new TextEncoder()
      void (async () => {
        await writer.write(encoder.encode("see ${head}"))
        await new Promise((resolve) => setTimeout(resolve, 20))
        await writer.write(encoder.encode("${tail} end"))
        await writer.close()
      })()
      return new Response(readable, { headers: { "x-echo": "${head}" + "${tail}" } })
    },
  }`
  const worker = await DynamicWorker.create({ script, platform, network: sends(origin) })
  const response = await worker.fetch("http://guest.example/")
  assert.deepEqual([await response.text(), response.headers.get("x-echo")], [`see ${stars} end`, stars])
})

test("values that a program yields are searched", async (t) => {
  const origin = `http://127.0.0.1:${await serveHttp(t, (_, response) => response.end("ok"))}`
  const script = `export default async function* () {
    await (await fetch("${origin}")).text()
    yield { value: "${secret.slice(0, 7)}" + "${secret.slice(7)}" }
  }`
  const platform = { runtime: runtimeFor(t) }
  const worker = await DynamicWorker.create({ script, platform, network: sends(origin) })
  const values: unknown[] = []
  for await (const event of worker.stream()) if (event.type === "value") values.push(event.value)
  assert.deepEqual(values, [{ value: stars }])
})

test("what stubs answer is searched: text, and bytes beside it", async (t) => {
  const origin = `http://127.0.0.1:${await serveHttp(t, (_, response) => response.end("ok"))}`
  const script = `await (await fetch("${origin}")).text()
    const value = "${secret.slice(0, 7)}" + "${secret.slice(7)}"
    return { text: () => value, bytes: () => new TextEncoder().encode(value.padStart(5000)), fail() { throw new Error(value) } }`
  const platform = { runtime: runtimeFor(t) }
  const worker = await DynamicWorker.create({ script, platform, network: sends(origin) })
  const stub = (await worker.run(null, { stubs: true })) as Record<"text" | "bytes" | "fail", () => Promise<unknown>>
  assert.equal(await stub.text(), stars)
  assert.equal(
    Buffer.from((await stub.bytes()) as Uint8Array)
      .toString()
      .trim(),
    stars,
  )
  await assert.rejects(stub.fail(), { message: stars })
})

test("an honest server's own spellings: header names, cases, HTML, JSON of other languages, Latin-1", async (t) => {
  const accented = "clé-0123456789"
  const values: Readonly<Record<string, string>> = { KEY: secret, ACCENT: accented }
  const own = { resolve: async (_: string, name: string) => values[name] ?? null }
  const html = secret.replaceAll("/", "&#x2F;").replaceAll("=", "&#x3D;")
  const credentials = Buffer.from(`:${secret}`).toString("base64")
  const answers: readonly (string | Buffer)[] = [
    secret.toLowerCase(),
    secret.toUpperCase(),
    html,
    secret.replaceAll("+", "\\u002B"),
    secret.replaceAll("+", "\\u002b").replaceAll("/", "\\/"),
    encodeURI(secret),
    secret.replaceAll("/", "%2F"),
    encodeURIComponent(credentials),
    credentials.replaceAll("/", "\\/"),
    Buffer.from(accented, "latin1"),
    Buffer.from(secret, "utf16le"),
  ]
  const port = await serveHttp(t, (request, response) => {
    const at = Number(request.url?.slice(1))
    // A name is a token: no slashes in it.
    response.setHeader(`x-${"a-0123456789-abcdef"}`, "1")
    response.end(answers[at])
  })
  const origin = `http://127.0.0.1:${port}`
  const script = `const bodies = []
    for (let at = 0; at < input.count; at++) {
      const response = await fetch(input.origin + "/" + at)
      bodies.push([...new Uint8Array(await response.arrayBuffer())])
    }
    return bodies`
  const headers = { authorization: { secret: "KEY" }, "x-accent": { secret: "ACCENT" } }
  const run = await meshGuest(t, { secrets: own }).attack(
    script,
    { allowedOrigins: [{ origin, headers }] },
    { origin, count: answers.length },
  )
  const bodies = (resultOf(run) as number[][]).map((bytes) => Buffer.from(bytes))
  for (const [at, answer] of answers.entries()) {
    const body = bodies[at]?.toString("latin1") ?? ""
    assert.match(body, /\*{8,}/, `${at}: ${Buffer.from(answer).toString("latin1")} gave ${body}`)
  }
})

test("a secret in the name of a header is taken out, too", async (t) => {
  const token = "Tok-0123456789-abcdef"
  const port = await serveHttp(t, (request, response) => {
    const name = new URL(`http://a${request.url}`).searchParams.keys().next().value ?? ""
    response.setHeader(name, "1")
    response.end()
  })
  const origin = `http://127.0.0.1:${port}`
  const placeholders = { "placeholder-1": { secret: "KEY" } }
  const run = await meshGuest(t, { secrets: { resolve: async () => token } }).attack(
    "return [...(await fetch(input + '/?placeholder-1=1')).headers.keys()]",
    { allowedOrigins: [{ origin, placeholders }] },
    origin,
  )
  assert.ok(!(resultOf(run) as string[]).includes(token.toLowerCase()), JSON.stringify(run))
})

test("a connection that was open before a secret was first used is searched for it", async (t) => {
  const listeners = new Set<{ write(text: string): unknown }>()
  const port = await serveHttp(t, (request, response) => {
    if (request.url === "/events") {
      listeners.add(response)
      response.write("hello\n")
      return
    }
    for (const listener of listeners) listener.write(`seen ${request.headers.authorization}\n`)
    response.end("ok")
  })
  const origin = `http://127.0.0.1:${port}`
  const script = `const reader = (await fetch(input + "/events")).body.pipeThrough(new TextDecoderStream()).getReader()
    await reader.read()
    await (await fetch(input + "/api")).text()
    const { value } = await reader.read()
    await reader.cancel()
    return value`
  const network = {
    allowedOrigins: [
      { origin, paths: ["/events"] },
      { origin, paths: ["/api"], headers: { authorization: { secret: "KEY" } } },
    ],
  }
  // The parts of the result would be searched once more; here counts what the guest saw.
  const seen = `${script.replace("return value", "return [...value].map((one) => one.charCodeAt(0))")}`
  const run = await meshGuest(t, { secrets }).attack(seen, network, origin)
  assert.equal(String.fromCharCode(...(resultOf(run) as number[])), `seen Bearer ${stars}\n`)
})

test("a raw connection's last bytes arrive, whatever they look like", async (t) => {
  const origin = `http://127.0.0.1:${await serveHttp(t, (_, response) => response.end("ok"))}`
  // Ends as the secret begins, and waits for the next question.
  const port = await serveRaw(t, (socket) => socket.write("a\u0000s"))
  const script = `import { connect } from "cloudflare:sockets"
    export default async (input) => {
      await (await fetch(input.origin)).text()
      const socket = connect("127.0.0.1:" + input.port)
      const writer = socket.writable.getWriter()
      const reader = socket.readable.getReader()
      let answer = ""
      for (let round = 0; round < 3; round++) {
        await writer.write(new Uint8Array([1]))
        for (let bytes = 0; bytes < 3; ) {
          const { value } = await reader.read()
          bytes += value.length
          answer += new TextDecoder().decode(value)
        }
      }
      return answer
    }`
  const { allowedOrigins = [] } = sends(origin)
  const network = { allowedOrigins: [...allowedOrigins, `tcp://127.0.0.1:${port}`] }
  const run = await meshGuest(t, { secrets }).attack(script, network, { origin, port })
  assert.equal(resultOf(run), "a\u0000s".repeat(3))
})

test("placeholders that would make a request huge are refused before it is made", async (t) => {
  let requests = 0
  const port = await serveHttp(t, (_, response) => {
    requests++
    response.end()
  })
  const origin = `http://127.0.0.1:${port}`
  const placeholders = { "place-12": { secret: "KEY" } }
  const large = { resolve: async () => "x".repeat(16_000) }
  const script = `const tries = [
      () => fetch(input + "/?" + "place-12".repeat(7000)),
      () => fetch(input, { headers: { a: "place-12".repeat(7000) } }),
    ]
    return Promise.all(tries.map((one) => one().then(() => "sent", (error) => error.code)))`
  const run = await meshGuest(t, { secrets: large }).attack(
    script,
    { allowedOrigins: [{ origin, placeholders }] },
    origin,
  )
  assert.deepEqual([resultOf(run), requests], [["input.invalid", "input.invalid"], 0])
})

test("one run's flood of secrets that came back is one alert for each place", async (t) => {
  const alerts: string[] = []
  const port = await serveHttp(t, (request, response) => response.end(request.headers.authorization))
  const origin = `http://127.0.0.1:${port}`
  const guest = meshGuest(t, { secrets, onAlert: ({ where }) => alerts.push(where) })
  const script = `for (let n = 0; n < 20; n++) await (await fetch(input)).text()
    for (let n = 0; n < 20; n++) console.log("${secret.slice(0, 7)}" + "${secret.slice(7)}")`
  await guest.attack(script, sends(origin), origin)
  await guest.attack(script, sends(origin), origin)
  assert.deepEqual(alerts.toSorted(), [origin, origin, "logs", "logs"].toSorted())
})

test("whoever is told of alerts and fails breaks nothing", async (t) => {
  const port = await serveHttp(t, (request, response) => response.end(request.headers.authorization))
  const origin = `http://127.0.0.1:${port}`
  const onAlert = (): never => {
    throw new Error("no alert for you")
  }
  const script = `console.log("${secret.slice(0, 7)}" + "${secret.slice(7)}"); return (await fetch(input)).text()`
  const run = await meshGuest(t, { secrets, onAlert }).attack(script, sends(origin), origin)
  assert.equal(resultOf(run), `Bearer ${stars}`)
})

test("errors and redirects of a server show nothing of what was sent", async (t) => {
  const port = await serveRaw(t, (socket, request) => {
    const sent = /authorization: (.*)\r/i.exec(request)?.[1] ?? ""
    const [, path = ""] = /^GET (\S+)/.exec(request) ?? []
    const answers: Readonly<Record<string, string>> = {
      "/status": `HTTP/1.1 401 ${sent}\r\ncontent-length: 0\r\n\r\n`,
      "/broken": `HTTP/1.1 200 OK\r\n${sent}\r\n\r\n`,
      "/location": `HTTP/1.1 302 Found\r\nlocation: /to?${sent}\r\ncontent-length: 0\r\n\r\n`,
      "/nowhere": `HTTP/1.1 302 Found\r\nlocation: http://${sent.replaceAll(/[^a-z0-9]/gi, "")}.example/\r\ncontent-length: 0\r\n\r\n`,
      "/encoding": `HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: ${sent.length}\r\n\r\n${sent}`,
      "/cookie": `HTTP/1.1 200 OK\r\nset-cookie: a=${sent}\r\ncontent-length: 0\r\n\r\n`,
    }
    socket.end(answers[path] ?? "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
  })
  const origin = `http://127.0.0.1:${port}`
  const script = `const seen = []
    for (const path of ["/status", "/broken", "/location", "/nowhere", "/encoding", "/cookie"]) {
      try {
        const response = await fetch(input + path)
        seen.push([response.statusText, response.url, [...response.headers], await response.text()])
      } catch (error) { seen.push([error.name, error.message, error.code, String(error.cause), error.stack]) }
    }
    // As numbers, so that the search of results finds nothing.
    return [...JSON.stringify(seen)].map((one) => one.charCodeAt(0))`
  const run = await meshGuest(t, { secrets }).attack(script, sends(origin), origin)
  const seen = String.fromCharCode(...(resultOf(run) as number[]))
  for (let at = 0; at + 8 <= secret.length; at++) assert.ok(!seen.includes(secret.slice(at, at + 8)), seen)
  assert.ok(!JSON.stringify(run.egress).includes(secret.slice(0, 8)))
})

test("another tenant's run, and a rule of another origin, get no secret", async (t) => {
  const seen: (string | undefined)[] = []
  const port = await serveHttp(t, (request, response) => {
    seen.push(request.headers.authorization)
    if (request.url === "/away") response.writeHead(307, { location: `http://localhost:${port}/` })
    response.end()
  })
  const origin = `http://127.0.0.1:${port}`
  const platform = { runtime: runtimeFor(t) }
  const { allowedOrigins = [] } = sends(origin)
  const network = { allowedOrigins: [...allowedOrigins, `http://localhost:${port}`] }
  const script = `return fetch("${origin}/away").then(() => "sent", (error) => error.code)`
  const rich = await DynamicWorker.create({ script, platform, network, tenant: "rich" })
  const poor = await DynamicWorker.create({ script, platform, network, tenant: "poor" })
  assert.deepEqual([await rich.run(), await poor.run()], ["sent", "mesh.secret-missing"])
  assert.deepEqual(seen, [`Bearer ${secret}`, undefined])
})

test("a run that ends before its request was decided leaves a row, since a name may have been looked up", async (t) => {
  const stored: string[] = []
  const looked = Promise.withResolvers<void>()
  const egress = createHttpEgress({
    lookup: () => {
      looked.resolve()
      return new Promise(() => {})
    },
    ledger: {
      begin: async ({ origin }) => void stored.push(`begin ${origin}`),
      end: ({ origin, reason }) => void stored.push(`end ${origin} ${reason}`),
    },
  })
  const runtime = createRuntime({ hosts: 1, spare: false, isolates: 1, egress })
  t.after(async () => {
    await runtime.dispose()
    await egress.close()
  })
  const script = `await fetch("https://data-in-a-name.example.com/")`
  const network = { allowedOrigins: ["https://*.example.com"] }
  const worker = await DynamicWorker.create({ script, network, platform: { runtime } })
  const abort = new AbortController()
  const run = worker.execute(null, { signal: abort.signal })
  await looked.promise
  abort.abort()
  assert.equal((await run).ok, false)
  const origin = "https://data-in-a-name.example.com"
  assert.deepEqual(stored, [`begin ${origin}`, `end ${origin} aborted`])
})

test("header tricks: no header tells a server another method or path than the one that was decided about", async (t) => {
  const seen: (readonly string[])[] = []
  const port = await serveHttp(t, (request, response) => {
    seen.push(Object.keys(request.headers).filter((name) => name.startsWith("x-")))
    response.end()
  })
  const origin = `http://127.0.0.1:${port}`
  const script = `const headers = { "X-HTTP-Method-Override": "DELETE", "x-http-method": "PUT", "X-Original-URL": "/admin", "x-rewrite-url": "/admin", "x-mine": "1" }
    return (await fetch(input + "/v1/a", { method: "POST", headers })).status`
  const guest = meshGuest(t, { approvals: { ask: async () => "allow" } })
  const policies: readonly NetworkPolicy[] = [
    { allowedOrigins: [{ origin, methods: ["POST"] }] },
    { allowedOrigins: [{ origin, paths: ["/v1/*"] }] },
    { defaultPolicy: "ask" },
    { allowedOrigins: [origin], within: { allowedOrigins: [{ origin, methods: ["POST"] }] } } as NetworkPolicy,
  ]
  for (const policy of policies) assert.equal(resultOf(await guest.attack(script, policy, origin)), 200)
  assert.deepEqual(seen, [["x-mine"], ["x-mine"], ["x-mine"], ["x-mine"]])
  assert.equal(resultOf(await guest.attack(script, { allowedOrigins: [origin] }, origin)), 200)
  assert.equal(seen.at(-1)?.length, 5)
})

test("what an object answers, and a run whose network is its parent's fetcher, are searched too", async (t) => {
  const origin = `http://127.0.0.1:${await serveHttp(t, (_, response) => response.end("ok"))}`
  const runtime = runtimeFor(t)
  const platform = { runtime }
  const brokered = await DynamicWorker.create({ script: `await fetch("${origin}")`, platform, network: sends(origin) })
  await brokered.run()
  const [head, tail] = [secret.slice(0, 7), secret.slice(7)]
  const loader = new WorkerLoader({ platform })
  const stub = loader.load({
    mainModule: "a.js",
    modules: { "a.js": `export default { show: () => "${head}" + "${tail}" }` },
    globalOutbound: null,
  })
  assert.equal(await stub.getEntrypoint()["show"]?.(), stars)
  const facets = new Facets(runtime.objects, facetScope("parent", undefined))
  const objects = loader.load({
    mainModule: "a.js",
    modules: {
      "a.js": `import { DurableObject } from "cloudflare:workers"
        export class Shows extends DurableObject { show() { return "${head}" + "${tail}" } }`,
    },
  })
  const facet = facets.get("one", () => ({ class: objects.getDurableObjectClass("Shows") })) as unknown as {
    show(): Promise<string>
  }
  assert.equal(await facet.show(), stars)
})
