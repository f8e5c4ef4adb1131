import assert from "node:assert/strict"
import { test } from "node:test"
import { brotliCompressSync, deflateRawSync, gzipSync } from "node:zlib"
import { meshGuest, resultOf, tryFetch } from "./mesh-guest.ts"
import { serveHttp, serveRaw } from "./upstream.ts"

test("request smuggling: an answer with two lengths, or lines that end otherwise, carries nothing into the next one", async (t) => {
  const smuggled = "HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nsmuggled"
  const answers: Readonly<Record<string, string>> = {
    "both lengths": `HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`,
    "two content-lengths": `HTTP/1.1 200 OK\r\ncontent-length: 0\r\ncontent-length: 45\r\n\r\n${smuggled}`,
    "list of content-lengths": `HTTP/1.1 200 OK\r\ncontent-length: 0, 45\r\n\r\n${smuggled}`,
    "negative content-length": `HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n${smuggled}`,
    "content-length with plus": `HTTP/1.1 200 OK\r\ncontent-length: +5\r\n\r\n${smuggled}`,
    "bare LF": `HTTP/1.1 200 OK\ncontent-length: 0\n\n${smuggled}`,
    "bare CR": `HTTP/1.1 200 OK\rcontent-length: 0\r\r${smuggled}`,
    "space before colon": `HTTP/1.1 200 OK\r\ncontent-length : 0\r\n\r\n${smuggled}`,
    "folded header": `HTTP/1.1 200 OK\r\nx-a: 1\r\n content-length: 45\r\ncontent-length: 0\r\n\r\n${smuggled}`,
    "null in header": `HTTP/1.1 200 OK\r\nx-a: a\u0000b\r\ncontent-length: 0\r\n\r\n${smuggled}`,
    "chunk size with sign": `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n-1\r\nx\r\n0\r\n\r\n${smuggled}`,
    "huge chunk size": `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\nx\r\n0\r\n\r\n`,
    "chunk with bare LF": `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\nx\n0\n\n${smuggled}`,
    "chunked twice": `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n${smuggled}`,
    "answer after the answer": `HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok${smuggled}`,
    "answer to HEAD with a body": `HTTP/1.1 204 No Content\r\ncontent-length: 45\r\n\r\n${smuggled}`,
    "no HTTP at all": "220 smtp.example ESMTP\r\n",
    "HTTP/0.9": "<html>old</html>",
    "upgrade nobody asked for": `HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n${smuggled}`,
  }
  const guest = meshGuest(t, {})
  const script = `${tryFetch}
    const first = await tryFetch(input + "/first", { signal: AbortSignal.timeout(3000) })
    return [first, await tryFetch(input + "/second", { signal: AbortSignal.timeout(3000) })]`
  for (const [name, answer] of Object.entries(answers)) {
    const port = await serveRaw(t, (socket, request) => {
      if (request.startsWith("GET /first")) socket.write(answer, "latin1")
      else socket.write("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecond")
      if (name.startsWith("no HTTP") || name.startsWith("HTTP/0.9")) socket.end()
    })
    const origin = `http://127.0.0.1:${port}`
    const [first, second] = resultOf(await guest.attack(script, { allowedOrigins: [origin] }, origin)) as string[]
    assert.doesNotMatch(first ?? "", /^200 smuggled/, name)
    assert.ok(second === "200 second" || second === "mesh.unreachable", `${name}: ${second}`)
  }
})

test("oversized heads end as unreachable, and the next request works", async (t) => {
  const heads: Readonly<Record<string, string>> = {
    "/large": `HTTP/1.1 200 OK\r\nx-a: ${"x".repeat(1 << 20)}\r\n\r\n`,
    "/many": `HTTP/1.1 200 OK\r\n${Array.from({ length: 100_000 }, (_, n) => `x-${n}: 1`).join("\r\n")}\r\n\r\n`,
    "/status": `HTTP/1.1 200 ${"O".repeat(1 << 20)}\r\n\r\n`,
    "/continue": "HTTP/1.1 100 Continue\r\n\r\n".repeat(10_000),
    "/ok": "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
  }
  const port = await serveRaw(t, (socket, request) => {
    const path = /^GET (\S+)/.exec(request)?.[1] ?? ""
    socket.write(heads[path] ?? "")
    if (path !== "/ok") socket.end()
  })
  const origin = `http://127.0.0.1:${port}`
  const script = `${tryFetch} const all = {}
    for (const path of ["/large", "/many", "/status", "/continue", "/ok"]) all[path] = await tryFetch(input + path)
    all.text = (await fetch(input + "/status")).statusText
    return all`
  const run = await meshGuest(t, {}).attack(script, { allowedOrigins: [origin] }, origin)
  assert.deepEqual(resultOf(run), {
    "/large": "mesh.unreachable",
    "/many": "mesh.unreachable",
    // A head that is all status text has no header too many; the text itself goes.
    "/status": "200 ",
    "/continue": "mesh.unreachable",
    "/ok": "200 ok",
    text: "",
  })
})

test("slow heads, slow bodies and silent servers end by time limits", async (t) => {
  const port = await serveRaw(t, (socket, request) => {
    if (request.startsWith("GET /head")) socket.write("HTTP/1.1 200 OK\r\nx-a")
    if (request.startsWith("GET /body")) socket.write("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nx")
  })
  const origin = `http://127.0.0.1:${port}`
  const guest = meshGuest(t, { timeouts: { headersMs: 100, idleMs: 100 } })
  const script = `${tryFetch} return Promise.all(["/head", "/body", "/silent"].map((path) => tryFetch(input + path)))`
  const run = await guest.attack(script, { allowedOrigins: [origin] }, origin)
  assert.deepEqual(resultOf(run), ["mesh.unreachable", "mesh.unreachable", "mesh.unreachable"])
})

test("decompression bombs are cut where the rule says, in every encoding and layer", async (t) => {
  const zeros = Buffer.alloc(64 << 20)
  const once = gzipSync(zeros)
  const bombs: Readonly<Record<string, readonly [string, Buffer]>> = {
    gzip: ["gzip", once],
    brotli: ["br", brotliCompressSync(zeros.subarray(0, 16 << 20))],
    deflate: ["deflate", deflateRawSync(zeros)],
    layers: ["gzip, gzip", gzipSync(once)],
    // Each member is empty: the inner layer takes gigabytes and gives nothing.
    "empty members": ["gzip, gzip", gzipSync(Buffer.concat(Array<Buffer>(1 << 20).fill(gzipSync(""))))],
  }
  const port = await serveHttp(t, (request, response) => {
    const [encoding, body] = bombs[decodeURIComponent(request.url?.slice(1) ?? "")] ?? ["", Buffer.alloc(0)]
    response.writeHead(200, { "content-encoding": encoding }).end(body)
  })
  const origin = `http://127.0.0.1:${port}`
  const script = `${tryFetch} const all = {}
    for (const name of input.names) all[name] = await tryFetch(input.origin + "/" + encodeURIComponent(name))
    return all`
  const policy = { allowedOrigins: [{ origin, maxResponseBytes: 1_000_000 }] }
  const names = Object.keys(bombs)
  const before = process.memoryUsage().rss
  const run = await meshGuest(t, {}).attack(script, policy, { origin, names })
  assert.deepEqual(resultOf(run), Object.fromEntries(names.map((name) => [name, "mesh.response-too-large"])))
  const grown = (process.memoryUsage().rss - before) >> 20
  assert.ok(grown < 200, `${grown} MiB more are held`)
})

test("a fetch that asks for an upgrade is decided as a WebSocket, and is none where the server does not upgrade", async (t) => {
  const upgrades: string[] = []
  const port = await serveRaw(t, (socket, request) => {
    if (/upgrade|sec-websocket-key/i.test(request)) upgrades.push(request)
    socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
  })
  const origin = `http://127.0.0.1:${port}`
  const script = `${tryFetch}
    const headers = { Upgrade: "websocket", Connection: "Upgrade", "Sec-WebSocket-Version": "13" }
    return [await tryFetch(input, { headers }), await tryFetch("http://localhost:1", { headers }), await tryFetch("ws://127.0.0.1:1")]`
  const run = await meshGuest(t, {}).attack(script, { allowedOrigins: [origin] }, origin)
  assert.deepEqual(resultOf(run), ["mesh.unreachable", "mesh.denied", "mesh.denied"])
  assert.equal(upgrades.length, 1)
})
