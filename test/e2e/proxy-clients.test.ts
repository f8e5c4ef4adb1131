import assert from "node:assert/strict"
import { execFileSync, spawn } from "node:child_process"
import { createServer as createHttpsServer } from "node:https"
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { openTransparentListeners, PolicyHandle } from "@mayfly/mesh"
import { WebSocketServer } from "ws"
import { noNamespaces, sandboxNetwork } from "../attacks/sandbox-network.ts"
import { echo, listening, serveHttp, serveHttps, serveSocket, worldAuthority } from "../attacks/upstream.ts"

const skip = noNamespaces
const world = { ca: worldAuthority.certificate }

test(
  "curl reaches an allowed http origin by its name alone, and learns why another is refused",
  { skip },
  async (t) => {
    const port = await serveHttp(t, echo)
    const net = await sandboxNetwork(t, { policy: { allowedOrigins: [`http://api.test:${port}`] } })
    const ok = await net.curl(`http://api.test:${port}/a?b=c`)
    assert.equal(ok.code, 0, ok.stderr)
    assert.deepEqual(JSON.parse(ok.stdout), { method: "GET", url: "/a?b=c", host: `api.test:${port}`, bytes: 0 })
    const refused = await net.curl("-i", "http://api.test/x")
    assert.match(refused.stdout, /^HTTP\/1\.1 403 Forbidden\r\n/)
    assert.match(refused.stdout, /x-mayfly-denied: no-rule/)
    assert.match(
      refused.stdout,
      /"message": "GET http:\/\/api\.test\/x was denied: no rule names this origin\..*Do not try other routes/,
    )
    const text = await net.curl("-H", "accept: text/plain", "http://api.test/x")
    assert.match(text.stdout, /^GET http:\/\/api\.test\/x was denied: no rule/)
    const unknown = await net.curl("http://evil.test/")
    assert.equal(unknown.code, 6, "the name does not resolve")
    assert.deepEqual(
      net.rows.map(({ method, origin, path, decision, status, sandboxId, runId }) => [
        method,
        origin,
        path,
        decision,
        status,
        sandboxId,
        runId,
      ]),
      [
        ["GET", `http://api.test:${port}`, "/a", "allow", 200, "sbx_1", "sbx_1"],
        ["GET", "http://api.test", "/x", "deny", null, "sbx_1", "sbx_1"],
        ["GET", "http://api.test", "/x", "deny", null, "sbx_1", "sbx_1"],
        ["DNS", "https://evil.test", "", "deny", null, "sbx_1", "sbx_1"],
      ],
    )
  },
)

test("TLS to a host whose rule says nothing about requests ends at the server", { skip }, async (t) => {
  const port = await serveHttps(t, echo)
  const net = await sandboxNetwork(t, { policy: { allowedOrigins: [`https://api.test:${port}`] } })
  const trusted = join(net.folder, "ca.pem")
  const refused = await net.curl(`https://api.test:${port}/`)
  assert.equal(refused.code, 60, "the certificate is the server's own, which this client does not trust")
  writeFileSync(trusted, worldAuthority.certificate)
  const ok = await net.curl("-d", "hello", `https://api.test:${port}/a`)
  assert.deepEqual(JSON.parse(ok.stdout), {
    method: "POST",
    url: "/a",
    host: `api.test:${port}`,
    bytes: 5,
    length: "5",
  })
  await net.ended(2)
  const [, row] = net.rows
  assert.deepEqual(
    [row?.method, row?.origin, row?.path, row?.address, row?.reason],
    ["CONNECT", `https://api.test:${port}`, "", "127.0.0.1", null],
  )
  assert.ok((row?.bytesIn ?? 0) > 500 && (row?.bytesOut ?? 0) > 300, "both directions are counted")
})

test(
  "a rule that looks at requests ends TLS here: secrets are added, paths and methods decided",
  { skip },
  async (t) => {
    const port = await serveHttps(t, echo)
    const origin = `https://api.test:${port}`
    const headers = { authorization: { secret: "TOKEN" } }
    const rule = { origin, methods: ["GET", "POST"], paths: ["/v1/*"], headers }
    const secrets = { resolve: () => Promise.resolve("s3cret-value") }
    const net = await sandboxNetwork(t, { policy: { allowedOrigins: [rule] }, egress: { ...world, secrets } })
    const ok = await net.curl("-d", "hello", `${origin}/v1/a`)
    assert.equal(ok.code, 0, ok.stderr)
    // The secret came back in the answer, so that it had to be taken out.
    const authorization = `Bearer ${"*".repeat(12)}`
    assert.deepEqual(JSON.parse(ok.stdout), {
      method: "POST",
      url: "/v1/a",
      host: `api.test:${port}`,
      authorization,
      bytes: 5,
      length: "5",
    })
    const paths = ["/admin", "/v1/../admin", "/v1/%2e%2e/admin", "/v1/..%2fadmin", "//v1/a"]
    for (const path of paths) {
      const denied = await net.curl(
        "--path-as-is",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code} %header{x-mayfly-denied}",
        origin + path,
      )
      assert.equal(denied.stdout, "403 path", path)
    }
    const method = await net.curl("-X", "DELETE", "-w", "%{http_code}", `${origin}/v1/a`)
    assert.match(
      method.stdout,
      /DELETE https:\/\/api\.test:\d+\/v1\/a was denied: the rules for this origin do not include this method/,
    )
    assert.deepEqual(net.rows[0]?.secrets, ["TOKEN"])
  },
)

test("Node's fetch, Python and a proxy in the environment come to the same", { skip }, async (t) => {
  const [plain, secure] = [await serveHttp(t, echo), await serveHttps(t, echo)]
  const allowedOrigins = [`http://api.test:${plain}`, { origin: `https://api.test:${secure}`, methods: ["GET"] }]
  const net = await sandboxNetwork(t, { policy: { allowedOrigins }, egress: world })
  const urls = [`http://api.test:${plain}/a`, `https://api.test:${secure}/a`]
  const fetched = await net.node(
    `for (const url of ${JSON.stringify(urls)}) console.log((await (await fetch(url)).json()).url)`,
  )
  assert.equal(fetched, "/a\n/a")
  const python = await net.run(
    "python3",
    ["-c", `import urllib.request, ssl\nfor url in ${JSON.stringify(urls)}: print(urllib.request.urlopen(url).status)`],
    {
      SSL_CERT_FILE: net.caFile,
    },
  )
  assert.equal(python.stdout, "200\n200\n", python.stderr)
  const proxied = "http://127.0.0.1:3128"
  for (const proxy of [proxied, "socks5h://127.0.0.1:3128", "socks5://127.0.0.1:3128"]) {
    for (const url of urls) {
      const answer = await net.curl("-x", proxy, url)
      assert.equal(answer.code, 0, `${proxy} ${url} ${answer.stderr}`)
      assert.equal((JSON.parse(answer.stdout) as { url: string }).url, "/a")
    }
  }
  const tunnelled = await net.curl("-p", "-x", proxied, urls[0] ?? "")
  assert.equal(tunnelled.code, 0, tunnelled.stderr)
})

test("a proxy says no in the words of each protocol", { skip }, async (t) => {
  const net = await sandboxNetwork(t, { policy: { allowedOrigins: ["https://api.test"] } })
  const connect = await net.curl("-v", "-x", "http://127.0.0.1:3128", "https://evil.test/")
  assert.match(connect.stderr, /403 Forbidden/)
  assert.match(connect.stderr, /x-mayfly-denied: no-rule/)
  assert.match(connect.stderr, /x-mayfly-message: CONNECT https:\/\/evil\.test was denied: no rule names this origin/)
  const absolute = await net.curl("-x", "http://127.0.0.1:3128", "http://evil.test/")
  assert.match(absolute.stdout, /GET http:\/\/evil\.test\/ was denied/)
  const socks = await net.curl("-x", "socks5h://127.0.0.1:3128", "https://evil.test/")
  assert.match(socks.stderr, /\(2\)/, "connection not allowed by ruleset")
  const direct = await net.curl("http://127.0.0.1:3128/")
  assert.match(direct.stdout, /This is a proxy/)
})

test(
  "a refused TLS connection is answered under a certificate of ours, so that the client can read why",
  { skip },
  async (t) => {
    const policy = { allowedOrigins: ["http://api.test"], deniedOrigins: ["https://api.test"] }
    const net = await sandboxNetwork(t, { policy })
    const answer = await net.curl("https://api.test/x")
    assert.match(answer.stdout, /GET https:\/\/api\.test\/x was denied: network\.deniedOrigins names this origin/)
  },
)

test("git clones and pushes over http", { skip }, async (t) => {
  const port = await serveHttp(t, gitBackend)
  const net = await sandboxNetwork(t, { policy: { allowedOrigins: [`http://git.test:${port}`] } })
  repository = join(net.folder, "remote.git")
  execFileSync("git", ["init", "-q", "--bare", "-b", "main", repository])
  execFileSync("git", ["-C", repository, "config", "http.receivepack", "true"])
  const author = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
  const steps = [
    ["clone", "-q", `http://git.test:${port}/remote.git`, "work"],
    ["-C", "work", ...author, "commit", "-q", "--allow-empty", "-m", "first"],
    ["-C", "work", "push", "-q", "origin", "HEAD:main"],
    ["clone", "-q", `http://git.test:${port}/remote.git`, "again"],
  ]
  for (const step of steps) {
    const { code, stderr } = await net.run("git", step)
    assert.equal(code, 0, `git ${step.join(" ")}: ${stderr}`)
  }
  const log = await net.run("git", ["-C", "again", "log", "--format=%s"])
  assert.equal(log.stdout, "first\n")
})

let repository = ""

/** CGI as git wants it. */
function gitBackend(request: IncomingMessage, response: ServerResponse): void {
  const [path = "", query = ""] = (request.url ?? "").split("?")
  const { headers, method } = request
  const child = spawn("git", ["http-backend"], {
    stdio: ["pipe", "pipe", "inherit"],
    env: {
      PATH: process.env["PATH"],
      GIT_PROJECT_ROOT: join(repository, ".."),
      GIT_HTTP_EXPORT_ALL: "1",
      PATH_INFO: path,
      QUERY_STRING: query,
      REQUEST_METHOD: method,
      CONTENT_TYPE: headers["content-type"],
      HTTP_CONTENT_ENCODING: headers["content-encoding"],
      HTTP_GIT_PROTOCOL: headers["git-protocol"] as string | undefined,
      REMOTE_USER: "somebody",
    },
  })
  request.pipe(child.stdin)
  const chunks: Buffer[] = []
  child.stdout.on("data", (chunk: Buffer) => void chunks.push(chunk))
  child.on("close", () => {
    const answer = Buffer.concat(chunks)
    const end = answer.indexOf("\r\n\r\n")
    const lines = answer.subarray(0, end).toString().split("\r\n")
    for (const line of lines) {
      const [name = "", value = ""] = line.split(": ")
      if (name === "Status") response.statusCode = Number.parseInt(value)
      else response.setHeader(name, value)
    }
    response.end(answer.subarray(end + 4))
  })
}

test("a raw connection needs a tcp rule, goes both ways, and half-closes", { skip }, async (t) => {
  const port = await serveSocket(t, (socket) => {
    socket.write("hello\n")
    socket.on("data", (data) => socket.write(data))
    socket.on("end", () => socket.end("bye\n"))
  })
  const net = await sandboxNetwork(t, { policy: { allowedOrigins: [`tcp://db.test:${port}`] } })
  const script = (at: number): string => `import { connect } from "node:net"
    const socket = connect({ host: "db.test", port: ${at}, allowHalfOpen: true })
    socket.on("error", (error) => console.log(error.code))
    socket.on("data", (data) => process.stdout.write(data))
    socket.end("question\\n")`
  assert.equal(await net.node(script(port)), "hello\nquestion\nbye")
  assert.equal(await net.node(script(443)), "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0")
  await net.ended(2)
  const told = net.rows.map(({ method, origin, decision, reason, bytesIn, bytesOut }) => [
    method,
    origin,
    decision,
    reason,
    bytesIn,
    bytesOut,
  ])
  assert.deepEqual(told, [
    ["CONNECT", `tcp://db.test:${port}`, "allow", null, 19, 9],
    ["CONNECT", "tcp://db.test:443", "deny", "protocol", 0, 0],
  ])
})

test("WebSockets go through plain and terminated connections, and are decided like requests", { skip }, async (t) => {
  const http = createHttpServer()
  const sockets = new WebSocketServer({ server: http })
  sockets.on("connection", (socket, request) => {
    socket.on("message", (data, isBinary) => socket.send(isBinary ? data : `${request.url} ${String(data as Buffer)}`))
  })
  const port = await listening(t, http)
  const https = createHttpsServer({ SNICallback: (name, callback) => callback(null, worldAuthority.contextFor(name)) })
  https.on("upgrade", (request, socket, head) => http.emit("upgrade", request, socket, head))
  const secure = await listening(t, https)
  const paths = ["/allowed"]
  const allowedOrigins = [
    { origin: `http://api.test:${port}`, paths },
    { origin: `https://api.test:${secure}`, paths },
  ]
  const net = await sandboxNetwork(t, { policy: { allowedOrigins }, egress: world })
  const script = (path: string, origin = `ws://api.test:${port}`): string => `
    const socket = new WebSocket("${origin}${path}")
    socket.binaryType = "arraybuffer"
    const said = []
    socket.onopen = () => { socket.send("text"); socket.send(new Uint8Array(70_000)) }
    socket.onmessage = ({ data }) => { said.push(data.byteLength ?? data); if (said.length === 2) socket.close(4000, "done") }
    socket.onclose = ({ code, reason }) => console.log(JSON.stringify([said, code, reason]))`
  assert.deepEqual(JSON.parse(await net.node(script("/allowed"))), [["/allowed text", 70_000], 4000, "done"])
  assert.deepEqual(JSON.parse(await net.node(script("/denied"))), [[], 1006, ""])
  const told = net.rows.map(({ path, decision, status, reason }) => [path, decision, status, reason])
  assert.deepEqual(told, [
    ["/allowed", "allow", 101, null],
    ["/denied", "deny", null, "path"],
  ])
})

test(
  "a policy that changes counts from the next request on, also on a connection that is kept open",
  { skip },
  async (t) => {
    const port = await serveHttp(t, echo)
    const policy = new PolicyHandle({ allowedOrigins: [`http://api.test:${port}`] })
    const net = await sandboxNetwork(t, { policy })
    const control = await serveHttp(t, (_request, response) => {
      void policy.replace({ allowedOrigins: [`http://control.test:${control}`] }).then(() => response.end())
    })
    await policy.replace({ allowedOrigins: [`http://api.test:${port}`, `http://control.test:${control}`] })
    const script = `import { Agent, get } from "node:http"
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const ask = (url) => new Promise((resolve) => get(url, { agent }, (response) => response.resume().on("end", () => resolve([response.statusCode, response.req.reusedSocket]))))
    const answers = [await ask("http://api.test:${port}/")]
    const before = { host: "127.0.0.1", port: 3128, path: "http://control.test:${control}/", headers: { host: "control.test:${control}" } }
    await new Promise((resolve) => get(before, (response) => response.resume().on("end", resolve)))
    answers.push(await ask("http://api.test:${port}/"))
    console.log(JSON.stringify(answers))
    agent.destroy()`
    assert.deepEqual(JSON.parse(await net.node(script)), [
      [200, false],
      [403, true],
    ])
  },
)

test("large bodies go both ways through requests, tunnels and raw connections, whole", { skip }, async (t) => {
  const size = 24 << 20
  const big = Buffer.alloc(size, "0123456789abcdef")
  const sink: Parameters<typeof serveHttp>[1] = (request, response) => {
    if (request.method === "GET") return void response.end(big)
    echo(request, response)
  }
  const [plain, secure, opaque] = [await serveHttp(t, sink), await serveHttps(t, sink), await serveHttps(t, sink)]
  const allowedOrigins = [
    `http://api.test:${plain}`,
    { origin: `https://api.test:${secure}`, methods: ["GET", "PUT"] },
    `https://api.test:${opaque}`,
  ]
  const net = await sandboxNetwork(t, { policy: { allowedOrigins }, egress: world })
  writeFileSync(join(net.folder, "big"), big)
  for (const url of [`http://api.test:${plain}`, `https://api.test:${secure}`, `https://api.test:${opaque}`]) {
    const down = await net.curl("-k", "-o", "/dev/null", "-w", "%{size_download}", url)
    assert.equal(down.stdout, String(size), `${url} ${down.stderr}`)
    const up = await net.curl("-k", "-T", "big", url + "/")
    assert.deepEqual((JSON.parse(up.stdout) as { bytes: number; length: string }).length, String(size), up.stderr)
  }
})

test(
  "ports that a policy came to name get listeners of their own, and those that are taken are an error",
  { skip },
  async (t) => {
    const port = await serveHttp(t, echo)
    const policy = new PolicyHandle({ allowedOrigins: ["http://api.test"] })
    const net = await sandboxNetwork(t, { policy })
    await policy.replace({ allowedOrigins: [`http://api.test:${port}`] })
    assert.deepEqual(net.proxy.ports, [80, 443, port])
    assert.notEqual((await net.curl(`http://api.test:${port}/`)).code, 0)
    for (const [at, server] of await openTransparentListeners({ enter: net.enter, ports: [port] }))
      net.proxy.serveTransparent(server, at)
    assert.equal((await net.curl(`http://api.test:${port}/`)).code, 0)
    await assert.rejects(openTransparentListeners({ enter: net.enter, ports: [port] }), {
      code: "mesh.namespace",
      message: /EADDRINUSE/,
    })
  },
)
