import assert from "node:assert/strict"
import { mkdtempSync, rmSync } from "node:fs"
import { request as requestHttp } from "node:http"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { text as textOf } from "node:stream/consumers"
import { after, test } from "node:test"
import { startMayfly } from "./mayfly-process.ts"

const folder = mkdtempSync(join(tmpdir(), "mayfly-workers-http-"))
const start = () => startMayfly(["serve", "--port", "0", "--data", join(folder, "data")])
let server = start()
after(async () => {
  server.child.kill("SIGTERM")
  await server.finished
  rmSync(folder, { recursive: true, force: true })
})
const [, key = ""] = await server.output(/admin key: (mf_\S+)/)
let [, url = ""] = await server.output(/serving at (\S+)/)
const authorization = `Bearer ${key}`

function send(method: string, path: string, body?: string, headers = {}): Promise<Response> {
  const given = body === undefined ? {} : { body }
  return fetch(url + path, { method, redirect: "manual", headers: { authorization, ...headers }, ...given })
}

async function call(method: string, path: string, body?: unknown): Promise<[number, Record<string, unknown>]> {
  const response = await send(method, path, body === undefined ? undefined : JSON.stringify(body))
  const text = await response.text()
  return [response.status, text === "" ? {} : (JSON.parse(text) as Record<string, unknown>)]
}

async function code(method: string, path: string, body?: unknown): Promise<readonly [number, unknown]> {
  const [status, { error }] = await call(method, path, body)
  return [status, (error as { code: string } | undefined)?.code]
}

const echo = `export default {
  run: (input, env, ctx) => ({ input, env, props: ctx.props }),
  async fetch(request, env) {
    const url = new URL(request.url)
    const wanted = url.searchParams.get("status")
    if (wanted !== null) return new Response(null, { status: Number(wanted), headers: JSON.parse(url.searchParams.get("headers")) })
    if (url.pathname === "/throw") throw new TypeError("no")
    if (url.pathname === "/socket") return new Response(null, { status: 101, webSocket: new WebSocketPair()[0] })
    const headers = Object.fromEntries(request.headers)
    return Response.json({ method: request.method, url: request.url, headers, body: await request.text() })
  },
}`

test("a worker is deployed, called, rolled back and removed; it is there after kill -9", async () => {
  const [status, first] = await call("PUT", "/v1/workers/echo", {
    script: echo,
    env: { at: { $date: "2026-01-02T03:04:05.000Z" } },
  })
  assert.deepEqual([status, first["name"], first["tenant"]], [200, "echo", "default"])
  const [, second] = await call("PUT", "/v1/workers/echo", { script: echo, env: { n: 2 } })
  const [, ran] = await call("POST", "/v1/workers/echo/run", { input: { big: { $bigint: "7" } }, props: { a: 1 } })
  assert.deepEqual(ran["result"], { input: { big: { $bigint: "7" } }, env: { n: 2 }, props: { a: 1 } })
  assert.deepEqual(await code("PUT", "/v1/workers/echo", { script: "let = 5 +" }), [400, "worker.syntax"])
  server.child.kill("SIGKILL")
  await server.finished
  server = start()
  ;[, url = ""] = await server.output(/serving at (\S+)/)
  const [, found] = await call("GET", "/v1/workers/echo")
  assert.deepEqual(found, second)
  const [, back] = await call("POST", "/v1/workers/echo/rollback", { version: first["version"] })
  assert.equal(back["version"], first["version"])
  const [, again] = await call("POST", "/v1/workers/echo/run")
  assert.deepEqual(again["result"], {
    input: { $undefined: true },
    env: { at: { $date: "2026-01-02T03:04:05.000Z" } },
    props: {},
  })
  const [, { versions }] = await call("GET", "/v1/workers/echo/versions")
  assert.deepEqual(
    (versions as { version: string; isCurrent: boolean }[]).map(({ version, isCurrent }) => [version, isCurrent]),
    [
      [second["version"], false],
      [first["version"], true],
    ],
  )
  await call("PUT", "/v1/workers/gone", { script: "1" })
  const [, { workers }] = await call("GET", "/v1/workers")
  assert.deepEqual(
    (workers as { name: string }[]).map(({ name }) => name),
    ["echo", "gone"],
  )
  assert.equal((await send("DELETE", "/v1/workers/gone")).status, 204)
  assert.deepEqual(await code("GET", "/v1/workers/gone"), [404, "worker.not-found"])
  assert.deepEqual(await code("POST", "/v1/workers/gone/run"), [404, "worker.not-found"])
})

test("the handler gets path, query, headers and body; no key, no cookie, nothing of the connection", async () => {
  const { hostname, port } = new URL(url)
  const headers = {
    authorization,
    host: `${hostname}:${port}`,
    cookie: "session=1",
    connection: "x-hop, close",
    "x-hop": "1",
    "x-own": "kept",
    "proxy-authorization": "Basic x",
    "x-forwarded-for": "10.0.0.1",
    "x-mayfly-tenant": "default",
    "content-type": "text/plain",
  }
  const path = "/v1/workers/echo/fetch/a%2Fb/c?x=1&x=2&tenant=other"
  const sent = requestHttp({ hostname, port, path, method: "PATCH", headers })
  const answered = new Promise<string>((resolve, reject) => {
    sent.once("response", (response) => resolve(textOf(response)))
    sent.once("error", reject)
  })
  sent.end("body")
  const seen = JSON.parse(await answered) as { headers: Record<string, string> }
  const { "content-length": _, accept: _accept, ...rest } = seen.headers
  assert.deepEqual(
    { ...seen, headers: rest },
    {
      method: "PATCH",
      url: "https://worker.internal/a%2Fb/c?x=1&x=2&tenant=other",
      headers: { "content-type": "text/plain", "x-own": "kept" },
      body: "body",
    },
  )
  assert.equal(JSON.stringify(seen).includes(key), false)
})

test("bodies stream both ways while they are written, and going away ends the run", async () => {
  const script = `export default { fetch: (request) => new Response(request.body.pipeThrough(new TransformStream())) }`
  await call("PUT", "/v1/workers/pipe", { script })
  const up = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>()
  const writer = up.writable.getWriter()
  const gone = new AbortController()
  void writer.write(new TextEncoder().encode("first"))
  const response = await fetch(`${url}/v1/workers/pipe/fetch/`, {
    method: "POST",
    headers: { authorization },
    body: up.readable,
    duplex: "half",
    signal: gone.signal,
  } as RequestInit)
  const reader = response.body?.getReader()
  for (const word of ["first", "second"]) {
    if (word === "second") void writer.write(new TextEncoder().encode(word))
    assert.equal(new TextDecoder().decode((await reader?.read())?.value), word)
  }
  gone.abort()
  writer.closed.catch(() => {})
  for (let runs: unknown[] = [1]; runs.length > 0;)
    [, { runs }] = (await call("GET", "/v1/runs?status=running")) as [number, { runs: unknown[] }]
})

async function answer(status: number, headers: Record<string, string>): Promise<Response> {
  const query = new URLSearchParams({ status: String(status), headers: JSON.stringify(headers) })
  return send("GET", `/v1/workers/echo/fetch/dir/page?${query.toString()}`)
}

test("headers of a guest's can't speak for our origin", async () => {
  const hostile = {
    "set-cookie": "mayfly=1; Path=/",
    "clear-site-data": '"*"',
    "strict-transport-security": "max-age=1",
    "access-control-allow-origin": "*",
    "access-control-allow-credentials": "true",
    "content-security-policy": "default-src *",
    "x-frame-options": "ALLOWALL",
    "x-content-type-options": "sniff",
    "x-accel-redirect": "/etc/passwd",
    "x-sendfile": "/etc/passwd",
    "service-worker-allowed": "/",
    "www-authenticate": "Basic realm=x",
    "report-to": "{}",
    nel: "{}",
    "alt-svc": 'h3="evil:443"',
    refresh: "0;url=/v1/keys",
    link: "</v1/keys>; rel=preload",
    "cache-control": "public, max-age=9",
    "x-request-id": "forged",
    "x-own": "kept",
    "content-type": "text/html",
    etag: '"1"',
  }
  const { status, headers } = await answer(200, hostile)
  const kept = Object.fromEntries(headers)
  for (const name of ["date", "connection", "keep-alive", "transfer-encoding", "content-length", "x-request-id"])
    delete kept[name]
  assert.notEqual(headers.get("x-request-id"), "forged")
  assert.equal(status, 200)
  assert.deepEqual(kept, {
    "cache-control": "no-store",
    "content-security-policy": "sandbox; default-src 'none'; frame-ancestors 'none'",
    "content-type": "text/html",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    etag: '"1"',
    "origin-agent-cluster": "?1",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-dns-prefetch-control": "off",
    "x-download-options": "noopen",
    "x-frame-options": "DENY",
    "x-own": "kept",
    "x-permitted-cross-domain-policies": "none",
    "x-xss-protection": "0",
  })
})

test("redirects of a guest's lead to its own paths or elsewhere, never to our API", async () => {
  const prefix = "/v1/workers/echo/fetch"
  const { host, port } = new URL(url)
  const cases: [string, string | null][] = [
    ["next", `${prefix}/dir/next`],
    ["/login?a=1#b", `${prefix}/login?a=1#b`],
    ["/v1/keys", `${prefix}/v1/keys`],
    ["../../../../v1/keys", `${prefix}/v1/keys`],
    ["/%2e%2e/%2e%2e/v1/keys", `${prefix}/v1/keys`],
    ["https://worker.internal/home", `${prefix}/home`],
    ["https://example.com/x", "https://example.com/x"],
    [`http://${host}/v1/keys`, null],
    [`//${host}/v1/keys`, null],
    [`http://localhost:${port}/v1/keys`, null],
    [`http://127.1:${port}/v1/keys`, null],
    [`http://2130706433:${port}/v1/keys`, null],
    [`http://[::1]:${port}/v1/keys`, null],
    [`http://user@${host}/v1/keys`, null],
    ["javascript:alert(1)", null],
    ["data:text/html,x", null],
  ]
  for (const [given, wanted] of cases) {
    const { headers } = await answer(307, { location: given })
    assert.equal(headers.get("location"), wanted, given)
  }
})

test("what fails before it answers is a coded error; a WebSocket that nobody asked for too", async () => {
  assert.deepEqual(await code("GET", "/v1/workers/echo/fetch/throw"), [422, "worker.guest"])
  assert.deepEqual(await code("GET", "/v1/workers/echo/fetch/socket"), [426, "server.upgrade-required"])
  assert.deepEqual(await code("GET", "/v1/workers/none/fetch/"), [404, "worker.not-found"])
  await call("PUT", "/v1/workers/plain", { script: "1" })
  assert.deepEqual(await code("GET", "/v1/workers/plain/fetch/"), [422, "worker.no-entrypoint"])
  const head = await send("HEAD", "/v1/workers/echo/fetch/")
  assert.deepEqual([head.status, await head.text()], [200, ""])
})

/** A request as bytes, which no client would send. */
async function raw(lines: readonly string[]): Promise<string> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  socket.setTimeout(5_000, () => socket.destroy())
  socket.end(`${lines.join("\r\n")}`)
  return textOf(socket)
}

test("smuggled headers and lengths don't make a second request, and reach no handler", async () => {
  const host = `Host: ${new URL(url).host}`
  const auth = `Authorization: ${authorization}`
  const path = "/v1/workers/echo/fetch/x"
  const second = ["GET /v1/keys HTTP/1.1", host, "", ""].join("\r\n")
  const attacks = [
    [`POST ${path} HTTP/1.1`, host, auth, "Content-Length: 4", "Transfer-Encoding: chunked", "", "0\r\n\r\n" + second],
    [`POST ${path} HTTP/1.1`, host, auth, "Content-Length: 4", "Content-Length: 5", "", "body" + second],
    [`POST ${path} HTTP/1.1`, host, auth, "Transfer-Encoding : chunked", "", "0\r\n\r\n" + second],
    [`POST ${path} HTTP/1.1`, host, auth, "Transfer-Encoding: xchunked", "", "0\r\n\r\n" + second],
    [`GET ${path} HTTP/1.1`, host, auth, "X-A: 1\nX-Forwarded-For: 1", "", ""],
    [`GET ${path} HTTP/1.1`, host, auth, "X-A: 1\r\n folded: 2", "", ""],
    [`GET ${path} HTTP/1.1`, host, host.replace("Host: ", "Host: evil."), auth, "", ""],
    [`GET ${path}\u0000 HTTP/1.1`, host, auth, "", ""],
  ]
  for (const lines of attacks) {
    const answered = await raw(lines)
    assert.doesNotMatch(answered, /worker\.internal|"keys"/, JSON.stringify(lines))
    assert.doesNotMatch(answered, /HTTP\/1\.1 200/, JSON.stringify(lines))
  }
})
