import assert from "node:assert/strict"
import { createServer, type IncomingMessage, type RequestListener } from "node:http"
import type { AddressInfo } from "node:net"
import { createServer as createSocketServer } from "node:net"
import { type TestContext, test } from "node:test"
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from "node:zlib"
import type { EgressContext, EgressRequest, EgressResponse, LedgerRow, NetworkPolicy } from "@mayfly/protocol"
import { MayflyError } from "@mayfly/protocol"
import { policyHash } from "../policy/policy-hash.ts"
import { createHttpEgress } from "./create-egress.ts"
import type { EgressOptions } from "./egress-options.ts"

interface Call extends Partial<EgressRequest> {
  readonly policy: NetworkPolicy
  readonly egress?: EgressOptions
  readonly signal?: AbortSignal
  readonly maxResponseBytes?: number
  readonly onHop?: () => void
}

interface Done {
  readonly response: (Omit<EgressResponse, "body"> & { readonly body: Uint8Array }) | null
  readonly error: unknown
  readonly rows: readonly LedgerRow[]
}

async function call(url: string, options: Call): Promise<Done> {
  const rows: LedgerRow[] = []
  const context: EgressContext = {
    tenant: "t",
    runId: "r",
    policy: options.policy,
    signal: options.signal ?? new AbortController().signal,
    maxResponseBytes: options.maxResponseBytes ?? 1_000_000,
    record: (row) => void rows.push(row),
    onHop: options.onHop ?? (() => {}),
  }
  const { method = "GET", headers = [], body = null, redirect = "follow" } = options
  const egress = createHttpEgress(options.egress)
  try {
    const response = await egress.fetch({ url, method, headers, body, redirect }, context)
    const bytes = new Uint8Array(await new Response(response.body).arrayBuffer())
    return { response: { ...response, body: bytes }, error: null, rows }
  } catch (error) {
    return { response: null, error, rows }
  } finally {
    await egress.close()
  }
}

/** A server on 127.0.0.1 for the time of a test. Gives its origin. */
async function serve(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function text(done: Done): string {
  assert.equal(done.error, null)
  return Buffer.from(done.response?.body ?? []).toString()
}

function codeOf({ error }: Done): string {
  assert.ok(error instanceof MayflyError, String(error))
  return error.code
}

function header(done: Done, name: string): string | undefined {
  return done.response?.headers.find(([found]) => found === name)?.[1]
}

async function readAll(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

test("fetch performs what a rule allows and records one row", async (t) => {
  const origin = await serve(t, (request, response) => {
    void readAll(request).then((body) => {
      response.writeHead(201, "Made", {
        "x-seen": `${request.method} ${request.url} ${body}`,
        "set-cookie": ["a", "b"],
      })
      response.end("hello")
    })
  })
  const done = await call(`${origin}/p/../q?x=1#f`, {
    policy: { allowedOrigins: [origin] },
    method: "post",
    body: Buffer.from("data"),
  })
  assert.equal(text(done), "hello")
  const { status, statusText, url, redirected, headers } = done.response ?? {}
  assert.deepEqual(
    { status, statusText, url, redirected },
    {
      status: 201,
      statusText: "Made",
      url: `${origin}/q?x=1`,
      redirected: false,
    },
  )
  assert.equal(header(done, "x-seen"), "POST /q?x=1 data")
  assert.deepEqual(
    headers?.filter(([name]) => name === "set-cookie"),
    [
      ["set-cookie", "a"],
      ["set-cookie", "b"],
    ],
  )
  const [row, ...others] = done.rows
  assert.ok(row)
  assert.deepEqual(others, [])
  assert.deepEqual(row, {
    id: row.id,
    time: row.time,
    durationMs: row.durationMs,
    tenant: "t",
    runId: "r",
    method: "POST",
    origin,
    path: "/q",
    address: "127.0.0.1",
    port: Number(new URL(origin).port),
    decision: "allow",
    rule: origin,
    reason: null,
    status: 201,
    bytesIn: 5,
    bytesOut: 4,
    policyHash: policyHash({ allowedOrigins: [origin] }),
    secrets: [],
  })
})

test("fetch denies with a text for agents, asks no name server, and records the denial", async () => {
  const lookup = (): Promise<string[]> => assert.fail("a denied name was looked up")
  const policy = { allowedOrigins: ["https://api.example.com", "https://*.example.org"] }
  const done = await call("https://user-data.evil.example/secret?key=1", { policy, egress: { lookup } })
  assert.ok(done.error instanceof MayflyError)
  assert.deepEqual(done.error.toJSON(), {
    code: "mesh.denied",
    message:
      "GET https://user-data.evil.example/secret was denied: no rule names this origin. Allowed origins: " +
      "https://api.example.com, https://*.example.org. To allow it: --allow https://user-data.evil.example, " +
      'or add "https://user-data.evil.example" to network.allowedOrigins. ' +
      "Do not try other routes: every one is decided by the same policy and recorded.",
    retry: false,
    fix: "Add the origin to network.allowedOrigins if the program should reach it.",
    details: {
      method: "GET",
      origin: "https://user-data.evil.example",
      reason: "no-rule",
      allowedOrigins: ["https://api.example.com", "https://*.example.org"],
    },
  })
  assert.deepEqual(
    done.rows.map(({ decision, reason, origin, path, rule, status, address }) => [
      [decision, reason, origin, path],
      [rule, status, address],
    ]),
    [
      [
        ["deny", "no-rule", "https://user-data.evil.example", "/secret"],
        [null, null, null],
      ],
    ],
  )
})

test("fetch refuses schemes, userinfo, methods and headers that nobody may send", async () => {
  const policy = { defaultPolicy: "allow" as const }
  const lookup = (): Promise<string[]> => assert.fail("looked up")
  const reasonOf = async (url: string, options: Partial<Call> = {}): Promise<unknown> => {
    const done = await call(url, { policy, egress: { lookup }, ...options })
    assert.equal(done.rows.length, 1)
    assert.ok(done.error instanceof MayflyError)
    assert.doesNotMatch(done.error.message + JSON.stringify(done.rows), /hunter2/)
    return [done.error.code, done.rows[0]?.decision, done.rows[0]?.reason]
  }
  assert.deepEqual(await reasonOf("file:///etc/passwd"), ["mesh.denied", "deny", "scheme"])
  assert.deepEqual(await reasonOf("nonsense"), ["mesh.denied", "deny", "url"])
  assert.deepEqual(await reasonOf("https://me:hunter2@a.example"), ["mesh.denied", "deny", "userinfo"])
  assert.deepEqual(await reasonOf("https://a..example"), ["mesh.denied", "deny", "host"])
  for (const method of ["CONNECT", "trace", "GET / HTTP/1.1\r\nx:", ""]) {
    assert.deepEqual(await reasonOf("https://a.example", { method }), ["mesh.denied", "deny", "method-forbidden"])
  }
  for (const bad of [
    ["x", "a\r\nhost: evil"],
    ["x\ny", "a"],
    ["", "a"],
    ["x", "\u0000"],
    ["x", "\u{1f600}"],
  ] as const) {
    assert.deepEqual(await reasonOf("https://a.example", { headers: [bad] }), ["input.invalid", "deny", "header"])
  }
})

test("fetch lets a guest set neither Host nor anything of the connection", async (t) => {
  const origin = await serve(t, (request, response) => response.end(JSON.stringify(request.headers)))
  const headers: [string, string][] = [
    ["Host", "evil.example"],
    ["Content-Length", "999"],
    ["Transfer-Encoding", "chunked"],
    ["Connection", "x-hop, close"],
    ["X-Hop", "1"],
    ["Proxy-Authorization", "Basic x"],
    ["Upgrade", "h2c"],
    ["Expect", "100-continue"],
    ["X-Kept", "yes"],
    ["Authorization", "Bearer x"],
  ]
  const done = await call(origin, { policy: { allowedOrigins: [origin] }, headers, method: "POST" })
  const seen = JSON.parse(text(done)) as Record<string, string>
  delete seen["connection"]
  assert.deepEqual(seen, {
    host: origin.slice("http://".length),
    "x-kept": "yes",
    authorization: "Bearer x",
    "user-agent": "mayfly",
    "accept-encoding": "gzip, deflate, br",
    "content-length": "0",
  })
})

test("fetch reaches private addresses only through a rule that names the host", async (t) => {
  const origin = await serve(t, (_request, response) => response.end("inside"))
  const { port } = new URL(origin)
  const lookup = (): Promise<string[]> => Promise.resolve(["127.0.0.1"])
  const policies: readonly (readonly [string, NetworkPolicy])[] = [
    [origin, { defaultPolicy: "allow" }],
    [`http://localhost:${port}`, { defaultPolicy: "allow" }],
    [`http://[::ffff:127.0.0.1]:${port}`, { defaultPolicy: "allow" }],
    [`http://2130706433:${port}`, { allowedOrigins: ["*"], allowAll: true }],
    [`http://a.example.com:${port}`, { allowedOrigins: [`http://*.example.com:${port}`] }],
    [`http://a.example.com:${port}`, { allowedOrigins: ["http://*"], allowAll: true }],
  ]
  for (const [url, policy] of policies) {
    const done = await call(url, { policy, egress: { lookup } })
    assert.equal(codeOf(done), "mesh.denied", url)
    assert.deepEqual([done.rows.length, done.rows[0]?.reason, done.rows[0]?.address], [1, "private-address", null])
    if (url.includes("example")) assert.doesNotMatch((done.error as Error).message, /127\.0\.0\.1/)
  }
  const named = `http://db.example.com:${port}`
  assert.equal(text(await call(named, { policy: { allowedOrigins: [named] }, egress: { lookup } })), "inside")
})

test("fetch lets no rule of a tenant that may not reach private addresses open one", async (t) => {
  const origin = await serve(t, (_request, response) => response.end("inside"))
  const policy = { allowedOrigins: [origin, "http://169.254.169.254"] }
  for (const url of [origin, "http://169.254.169.254/"]) {
    const done = await call(url, { policy, egress: { mayReachPrivate: (tenant) => tenant === "operator" } })
    assert.deepEqual([codeOf(done), done.rows[0]?.reason], ["mesh.denied", "private-address"])
  }
  const own = await call(origin, { policy, egress: { mayReachPrivate: (tenant) => tenant !== "operator" } })
  assert.equal(text(own), "inside")
})

test("fetch lets no name lead to a metadata service, also when a rule names it", async () => {
  const egress = { lookup: () => Promise.resolve(["169.254.169.254"]) }
  const policy = { allowedOrigins: ["http://partner.example.com"] }
  const done = await call("http://partner.example.com/latest/meta-data/", { policy, egress })
  assert.deepEqual([codeOf(done), done.rows[0]?.reason], ["mesh.denied", "private-address"])
  assert.doesNotMatch((done.error as Error).message, /169\.254/)
})

test("fetch dials the address that it checked, and checks anew on every hop (DNS rebinding)", async (t) => {
  const origin = await serve(t, (request, response) => {
    if (request.url === "/") response.writeHead(302, { location: "/again" }).end()
    else response.end("inside")
  })
  const rebind = origin.replace("127.0.0.1", "rebind.example")
  const policy = { allowedOrigins: [rebind] }
  const answers = [["127.0.0.1"], ["169.254.169.254"]]
  let asked = 0
  const lookup = (): Promise<string[]> => Promise.resolve(answers[asked++] ?? [])
  const egress = { lookup, lookupMaxAgeMs: 0 }

  assert.equal(text(await call(`${rebind}/again`, { policy, egress })), "inside")
  assert.equal(asked, 1)
  asked = 0
  const done = await call(rebind, { policy, egress })
  assert.equal(codeOf(done), "mesh.denied")
  assert.deepEqual(
    done.rows.map(({ decision, address, reason }) => [decision, address, reason]),
    [
      ["allow", "127.0.0.1", null],
      ["deny", null, "private-address"],
    ],
  )
})

test("fetch refuses a name with one private address among public ones", async () => {
  const egress = { lookup: () => Promise.resolve(["93.184.216.34", "10.0.0.1"]) }
  const done = await call("https://mixed.example", { policy: { defaultPolicy: "allow" }, egress })
  assert.deepEqual([codeOf(done), done.rows[0]?.reason], ["mesh.denied", "private-address"])
})

test("fetch decides about every redirect and records every hop", async (t) => {
  const inner = await serve(t, (_request, response) => response.end("inner"))
  const outer = await serve(t, (_request, response) =>
    response.writeHead(302, { location: `${inner}/in` }).end("moved"),
  )
  const denied = await call(outer, { policy: { allowedOrigins: [outer] } })
  assert.equal(codeOf(denied), "mesh.denied")
  assert.deepEqual(
    denied.rows.map(({ origin, decision, status }) => [origin, decision, status]),
    [
      [outer, "allow", 302],
      [inner, "deny", null],
    ],
  )
  let hops = 0
  const done = await call(outer, { policy: { allowedOrigins: [outer, inner] }, onHop: () => void hops++ })
  assert.equal(text(done), "inner")
  assert.deepEqual([done.response?.url, done.response?.redirected, hops, done.rows.length], [`${inner}/in`, true, 1, 2])
})

test("fetch gives back or refuses redirects as asked", async (t) => {
  const origin = await serve(t, (_request, response) => response.writeHead(301, { location: "/x" }).end("body"))
  const policy = { allowedOrigins: [origin] }
  const manual = await call(origin, { policy, redirect: "manual" })
  assert.deepEqual([text(manual), manual.response?.status, header(manual, "location")], ["body", 301, "/x"])
  const refused = await call(origin, { policy, redirect: "error" })
  assert.deepEqual([codeOf(refused), refused.rows.length], ["mesh.unreachable", 1])
})

test("fetch follows at most 20 redirects, and fewer when the run may make no more requests", async (t) => {
  const origin = await serve(t, (_request, response) => response.writeHead(307, { location: "/again" }).end())
  const policy = { allowedOrigins: [origin] }
  const done = await call(origin, { policy })
  assert.deepEqual([codeOf(done), done.rows.length], ["mesh.unreachable", 21])
  const limit = new MayflyError("worker.subrequest-limit", "no more")
  const limited = await call(origin, {
    policy,
    onHop: () => {
      throw limit
    },
  })
  assert.deepEqual([limited.error, limited.rows.length], [limit, 1])
})

test("fetch changes method, body and credentials on a redirect as the Fetch standard says", async (t) => {
  const echo: RequestListener = (request, response) => {
    void readAll(request).then((body) => {
      const { authorization, cookie, "content-type": type, "x-own": own } = request.headers
      response.end(JSON.stringify([request.method, body, authorization, cookie, type, own]))
    })
  }
  const other = await serve(t, echo)
  const origin = await serve(t, (request, response) => {
    const url = new URL(request.url ?? "/", "http://host")
    const to = url.searchParams.get("to")
    if (to === null) echo(request, response)
    else response.writeHead(Number(url.pathname.slice(1)), { location: to }).end()
  })
  const follow = async (status: number, to: string, method = "POST"): Promise<unknown> => {
    const headers: [string, string][] = [
      ["Authorization", "a"],
      ["cookie", "c"],
      ["Content-Type", "text/x"],
      ["X-Own", "o"],
    ]
    const body = method === "GET" ? null : Buffer.from("body")
    const policy = { allowedOrigins: [origin, other] }
    return JSON.parse(text(await call(`${origin}/${status}?to=${to}`, { policy, method, headers, body })))
  }
  assert.deepEqual(await follow(302, "/"), ["GET", "", "a", "c", null, "o"])
  assert.deepEqual(await follow(303, "/", "PUT"), ["GET", "", "a", "c", null, "o"])
  assert.deepEqual(await follow(302, "/", "PUT"), ["PUT", "body", "a", "c", "text/x", "o"])
  assert.deepEqual(await follow(307, "/"), ["POST", "body", "a", "c", "text/x", "o"])
  assert.deepEqual(await follow(308, `${other}/`), ["POST", "body", null, null, "text/x", "o"])
  assert.deepEqual(await follow(301, `${other}/`), ["GET", "", null, null, null, "o"])
})

test("fetch decodes bodies, and the headers describe what the guest gets", async (t) => {
  const plain = "mayfly ".repeat(1000)
  const encoders = {
    gzip: gzipSync,
    br: brotliCompressSync,
    deflate: deflateSync,
    "deflate-raw": deflateRawSync,
    "gzip, br": (data: string) => brotliCompressSync(gzipSync(data)),
  }
  for (const [name, encode] of Object.entries(encoders)) {
    const origin = await serve(t, (_request, response) => {
      const body = encode(plain)
      response.writeHead(200, { "content-encoding": name.replace("-raw", ""), "content-length": body.length })
      response.end(body)
    })
    const done = await call(origin, { policy: { allowedOrigins: [origin] } })
    assert.equal(text(done), plain, name)
    assert.deepEqual([header(done, "content-encoding"), header(done, "content-length")], [undefined, undefined])
    assert.equal(done.rows[0]?.bytesIn, encode(plain).length)
  }
})

test("fetch leaves encodings that it did not ask for, and answers without a body, as they are", async (t) => {
  const origin = await serve(t, (request, response) => {
    response.writeHead(200, { "content-encoding": request.method === "HEAD" ? "gzip" : "zstd" })
    response.end(request.method === "HEAD" ? undefined : "raw")
  })
  const policy = { allowedOrigins: [origin] }
  const got = await call(origin, { policy })
  assert.deepEqual([text(got), header(got, "content-encoding")], ["raw", "zstd"])
  const head = await call(origin, { policy, method: "HEAD" })
  assert.deepEqual([text(head), head.response?.status], ["", 200])
})

test("fetch bounds bodies as sent and as decoded, by run and by rule", async (t) => {
  const bomb = gzipSync(Buffer.alloc(10_000_000))
  const origin = await serve(t, (request, response) => {
    if (request.url === "/bomb") response.writeHead(200, { "content-encoding": "gzip" }).end(bomb)
    else if (request.url === "/endless") {
      const timer = setInterval(() => response.write(Buffer.alloc(10_000)), 1)
      response.on("close", () => clearInterval(timer))
    } else response.end(Buffer.alloc(1000))
  })
  const policy = { allowedOrigins: [{ origin, maxResponseBytes: 100_000 }] }
  for (const path of ["/bomb", "/endless"]) {
    const done = await call(origin + path, { policy })
    assert.equal(codeOf(done), "mesh.response-too-large", path)
    assert.deepEqual([done.rows.length, done.rows[0]?.reason, done.rows[0]?.status], [1, "response-too-large", 200])
  }
  assert.equal(text(await call(origin, { policy, maxResponseBytes: 1000 })).length, 1000)
  assert.equal(codeOf(await call(origin, { policy, maxResponseBytes: 999 })), "mesh.response-too-large")
})

test("fetch says why an allowed origin gave no answer, without addresses", async (t) => {
  const sockets = createSocketServer((socket) =>
    socket.resume().end("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf"),
  )
  await new Promise<void>((resolve) => sockets.listen(0, "127.0.0.1", resolve))
  const half = `http://127.0.0.1:${(sockets.address() as AddressInfo).port}`
  const cut = await call(half, { policy: { allowedOrigins: [half] }, method: "POST" })
  assert.equal(codeOf(cut), "mesh.unreachable")
  assert.deepEqual([(cut.error as MayflyError).retry, cut.rows[0]?.status, cut.rows[0]?.bytesIn], [false, 200, 4])
  await new Promise((resolve) => sockets.close(resolve))

  const refused = await call(half, { policy: { allowedOrigins: [half] } })
  assert.equal((refused.error as Error).message, `"${half}" could not be reached: nothing listens there (ECONNREFUSED)`)
  assert.deepEqual(
    refused.rows.map(({ decision, reason, status, address }) => [decision, reason, status, address]),
    [["allow", "unreachable", null, null]],
  )
  const broken = await serve(t, (_request, response) => {
    response.writeHead(200, { "content-encoding": "gzip" }).end("not gzip")
  })
  assert.equal(codeOf(await call(broken, { policy: { allowedOrigins: [broken] } })), "mesh.unreachable")
  const lookup = (): Promise<string[]> =>
    Promise.reject(Object.assign(new Error("getaddrinfo ENOTFOUND x"), { code: "ENOTFOUND" }))
  const nameless = await call("http://x.example", { policy: { defaultPolicy: "allow" }, egress: { lookup } })
  assert.match((nameless.error as Error).message, /its name does not resolve \(ENOTFOUND\)$/)
})

test("fetch ends with the reason of its signal, at every stage, and records it", async (t) => {
  const stages: Readonly<Record<string, RequestListener>> = {
    headers: () => {},
    body: (_request, response) => void response.write("some"),
  }
  for (const [stage, listener] of Object.entries(stages)) {
    const abort = new AbortController()
    const reason = new MayflyError("worker.wall-limit", stage)
    const origin = await serve(t, (request, response) => {
      listener(request, response)
      setImmediate(() => abort.abort(reason))
    })
    const done = await call(origin, { policy: { allowedOrigins: [origin] }, signal: abort.signal })
    assert.equal(done.error, reason)
    assert.deepEqual([done.rows.length, done.rows[0]?.reason], [1, "aborted"])
  }
  const abort = new AbortController()
  const lookup = (): Promise<string[]> => {
    setImmediate(() => abort.abort("enough"))
    return new Promise(() => {})
  }
  const done = await call("http://x.example", {
    policy: { defaultPolicy: "allow" },
    egress: { lookup },
    signal: abort.signal,
  })
  assert.deepEqual([done.error, done.rows.length, done.rows[0]?.reason], ["enough", 1, "aborted"])
})

test("fetch refuses a policy that it cannot read", async () => {
  const done = await call("https://a.example", { policy: { allowedOrigins: ["*"] } })
  assert.deepEqual([codeOf(done), done.rows], ["input.invalid", []])
})
