import assert from "node:assert/strict"
import { request } from "node:http"
import { test } from "node:test"
import { serve } from "./served.ts"
import { follow } from "./sent-events.ts"
import { WebSocketClient } from "./web-socket-client.ts"

/** Processes, shells, terminals, ports, snapshots, code and the rest of files over HTTP: one server, one sandbox. */
const { url, key, authorization } = await serve("sandboxes-api")
const base = `${url}/v1/sandboxes`

interface Answer {
  readonly status: number
  readonly body: Record<string, unknown> & { readonly error?: { readonly code: string; readonly message: string } }
}

async function call(method: string, path: string, body?: unknown): Promise<Answer> {
  const init = body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }
  const response = await fetch(`${base}${path}`, { method, ...init, headers: { ...init.headers, authorization } })
  const text = await response.text()
  return { status: response.status, body: (text === "" ? {} : JSON.parse(text)) as Answer["body"] }
}

async function code(method: string, path: string, body?: unknown): Promise<readonly [number, string | undefined]> {
  const answer = await call(method, path, body)
  return [answer.status, answer.body.error?.code]
}

async function run(command: string): Promise<string> {
  const { status, body } = await call("POST", "/box/exec", { command })
  assert.equal(status, 200, JSON.stringify(body))
  return String(body["stdout"])
}

/** All events of a request. */
async function events(method: string, path: string, body?: unknown): Promise<Record<string, unknown>[]> {
  const headers = { authorization, accept: "text/event-stream", "content-type": "application/json" }
  const response = await fetch(`${base}${path}`, { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) }) // oxfmt-ignore
  return [...(await response.text()).matchAll(/^data: (.*)$/gm)].map(([, data = ""]) => JSON.parse(data) as Record<string, unknown>) // oxfmt-ignore
}

await call("POST", "", { id: "box", limits: { memoryMb: 512 }, env: { WHO: "box" } })

test("a process is started, read, waited for, written to, signalled, and stays to be looked at", async () => {
  const command = "echo first; read line; echo got $line; echo err >&2; read more; exit 4"
  const { status, body } = await call("POST", "/box/processes", { command })
  const { id, pid, startedAt } = body as { id: string; pid: number; startedAt: number }
  assert.deepEqual([status, body], [201, { id, pid, command, status: "running", startedAt }])
  const path = `/box/processes/${id}`
  const waited = await call("POST", `${path}/wait`, { log: "first", timeoutMs: 20_000 })
  assert.deepEqual([waited.status, waited.body["line"]], [200, "first"])
  const write = (text: string, query = ""): Promise<Response> =>
    fetch(`${base}${path}/stdin${query}`, { method: "POST", headers: { authorization }, body: text })
  assert.equal((await write("hello\n")).status, 204)
  await call("POST", `${path}/wait`, { log: "got hello" })
  assert.deepEqual(await code("POST", `${path}/wait`, { exit: true, timeoutMs: 50 }), [408, "sandbox.timeout"])
  assert.equal((await write("", "?end=true")).status, 204)
  const ended = await call("POST", `${path}/wait`, { exit: true })
  assert.deepEqual(ended.body["process"], { id, pid, command, status: "exited", exitCode: 4, startedAt })
  assert.equal((await write("late")).status, 409)
  assert.deepEqual(await code("POST", `${path}/wait`, { log: "never" }), [409, "sandbox.exited"])
  const { logs } = (await call("GET", `${path}/logs`)).body as { logs: { stream: string; text: string }[] }
  const text = (stream: string): string => logs.filter((one) => one.stream === stream).map((one) => one.text).join("") // oxfmt-ignore
  assert.deepEqual([text("stdout"), text("stderr")], ["first\ngot hello\n", "err\n"])
  const followed = await events("GET", `${path}/logs`)
  assert.deepEqual(followed.at(-1), { type: "end", id, pid, command, status: "exited", exitCode: 4, startedAt })
  assert.deepEqual(await events("GET", `${path}/logs?replay=false`), [followed.at(-1)])
})

test("logs are followed as they come, and a killed process is one", async () => {
  const program = "trap '' TERM; echo began; until [ -e /workspace/go ]; do sleep 0.05; done; echo went; sleep 1000"
  const { id } = (await call("POST", "/box/processes", { command: program })).body as { id: string }
  const seen: unknown[] = []
  const ids: (string | undefined)[] = []
  for await (const { event, data, id: position } of follow(`${base}/box/processes/${id}/logs`, key)) {
    ids.push(position)
    const { text } = data as { text?: string }
    if (text === "began\n") await fetch(`${base}/box/files/go`, { method: "PUT", headers: { authorization }, body: "" })
    // What ignores SIGTERM is killed after the grace.
    if (text === "went\n") await call("POST", `/box/processes/${id}/kill`, { graceMs: 100 })
    seen.push(event === "end" ? (data as { status: string }).status : text)
  }
  assert.deepEqual(seen, ["began\n", "went\n", "killed"])
  // Whoever lost the connection goes on behind what it had, and sees the end also when there is nothing more.
  for (const [from, rest] of [
    [ids[0], ["went\n", undefined]],
    [ids[1], [undefined]],
  ] as const) {
    const again: unknown[] = []
    for await (const { data } of follow(`${base}/box/processes/${id}/logs`, key, from))
      again.push((data as { text?: string }).text)
    assert.deepEqual(again, rest)
  }
  await assert.rejects(follow(`${base}/box/processes/${id}/logs`, key, "x").next(), /input\.invalid/)
  const { processes } = (await call("GET", "/box/processes")).body as { processes: { id: string }[] }
  assert.equal(processes.length, 2)
  assert.equal((await call("GET", `/box/processes/${id}`)).body["exitCode"], 137)
})

test("a shell keeps its state over requests, streams, and is closed", async () => {
  const { id } = (await call("POST", "/box/shells", { cwd: "/tmp", env: { A: "a" } })).body as { id: string }
  const path = `/box/shells/${id}`
  await call("POST", `${path}/exec`, { command: "mkdir -p deep && cd deep && B=b" })
  const { body } = await call("POST", `${path}/exec`, {
    command: "echo $A$B $PWD; exit_code() { return 3; }; exit_code",
  })
  const { exitCode, stdout, cwd, ended } = body as Record<string, unknown>
  assert.deepEqual([exitCode, stdout, cwd, ended], [3, "ab /tmp/deep\n", "/tmp/deep", false])
  assert.deepEqual((await call("GET", "/box/shells")).body, { shells: [{ id, cwd: "/tmp/deep" }] })
  const streamed = await events("POST", `${path}/exec`, { command: "echo one; echo two >&2" })
  const result = streamed.at(-1) as { exitCode: number; cwd: string; stdout?: string }
  assert.deepEqual([result.exitCode, result.cwd, result.stdout], [0, "/tmp/deep", undefined])
  assert.deepEqual(new Set(streamed.slice(0, -1).map(({ text }) => text)), new Set(["one\n", "two\n"]))
  const interrupted = call("POST", `${path}/exec`, { command: "touch /tmp/running; sleep 1000" })
  await run("until [ -e /tmp/running ]; do sleep 0.02; done")
  assert.equal((await call("POST", `${path}/signal`)).status, 204)
  assert.equal((await interrupted).body["exitCode"], 130)
  assert.equal((await call("DELETE", path)).status, 204)
  assert.deepEqual(await code("POST", `${path}/exec`, { command: "true" }), [404, "sandbox.not-found"])
  const other = (await call("POST", "/box/shells")).body as { id: string }
  assert.equal((await call("POST", `/box/shells/${other.id}/exec`, { command: "exit 5" })).body["ended"], true)
})

const socket = (path: string, headers = {}): Promise<WebSocketClient> =>
  WebSocketClient.open(`${base}${path}`, { headers: { authorization, ...headers } })

/** Reads until what was shown contains the text. */
async function until(client: WebSocketClient, text: string, begun = ""): Promise<string> {
  let shown = begun
  while (!shown.includes(text)) {
    const message = await client.next()
    if (Array.isArray(message)) shown += Buffer.from(message as number[]).toString()
    else assert.fail(`${String(message)} came before ${text}: ${shown}`)
  }
  return shown
}

test("a terminal is shown to several, resized, left and come back to, and tells its end", async () => {
  const first = await socket("/box/terminal?cols=101&rows=31&cwd=/tmp")
  const { type, terminal } = JSON.parse(String(await first.next())) as { type: string; terminal: string }
  assert.equal(type, "ready")
  first.socket.send(Buffer.from("stty size; pwd\n"))
  assert.match(await until(first, "/tmp\r\n"), /31 101/)
  first.socket.send(JSON.stringify({ type: "resize", cols: 90, rows: 20 }))
  first.socket.send(Buffer.from("until [ \"$(stty size)\" = '20 90' ]; do sleep 0.05; done; echo re''sized\n"))
  await until(first, "resized")
  const second = await socket(`/box/terminal?terminal=${terminal}`)
  await second.next()
  await until(second, "31 101")
  const fresh = await socket(`/box/terminal?terminal=${terminal}&replay=false`)
  await fresh.next()
  second.socket.send(Buffer.from("echo se''cond\n"))
  await Promise.all([until(first, "second"), until(second, "second")])
  assert.doesNotMatch(await until(fresh, "second"), /31 101/)
  first.socket.terminate()
  fresh.socket.close()
  assert.deepEqual((await call("GET", "/box/terminals")).body["terminals"], [
    { id: terminal, createdAt: ((await call("GET", "/box/terminals")).body["terminals"] as { createdAt: number }[])[0]?.createdAt },
  ]) // oxfmt-ignore
  second.socket.send(Buffer.from("exit 6\n"))
  let message: unknown
  do message = await second.next()
  while (typeof message !== "string")
  assert.deepEqual(JSON.parse(message), { type: "exit", exitCode: 6, code: 6 })
  assert.deepEqual(await second.closed, [1000, ""])
  assert.deepEqual((await call("GET", "/box/terminals")).body, { terminals: [] })
})

test("a terminal answers nonsense with an error, and is there only for whoever may", async () => {
  const client = await socket("/box/terminal?command=cat")
  const { terminal } = JSON.parse(String(await client.next())) as { terminal: string }
  for (const text of ["{", "[]", "null", `{"type":"resize","cols":0,"rows":1}`, `{"type":"no"}`]) {
    client.socket.send(text)
    assert.equal((JSON.parse(String(await client.next())) as { code: string }).code, "input.invalid", text)
  }
  assert.equal((await call("DELETE", `/box/terminals/${terminal}`)).status, 204)
  assert.equal((JSON.parse(String(await client.next())) as { exitCode: number }).exitCode, 137)
  const refused = async (path: string, headers = {}, protocols: string[] = []): Promise<[number, string]> => {
    const answer = await WebSocketClient.refused(`${base}${path}`, { headers }, protocols)
    return [answer.status, (JSON.parse(answer.body) as { error: { code: string } }).error.code]
  }
  assert.deepEqual(await refused("/box/terminal"), [401, "auth.missing"])
  assert.deepEqual(await refused("/box/terminal", {}, ["mayfly", `bearer.mf_${"x".repeat(43)}`]), [401, "auth.invalid"])
  assert.deepEqual(await refused("/box/terminal", { authorization, origin: "http://evil.example" }), [403, "auth.host"])
  assert.deepEqual(await refused("/box/terminal", { authorization, host: "evil.example" }), [403, "auth.host"])
  assert.deepEqual(await refused("/box/terminal?tenant=other", { authorization }), [404, "sandbox.not-found"])
  assert.deepEqual(await refused(`/box/terminal?terminal=${terminal}`, { authorization }), [404, "sandbox.not-found"])
  assert.deepEqual(await refused("/box/terminal?cols=0", { authorization }), [400, "input.invalid"])
  const browser = await WebSocketClient.open(`${base}/box/terminal?command=true`, {}, ["mayfly", `bearer.${key}`])
  assert.equal(browser.socket.protocol, "mayfly")
  assert.deepEqual(await browser.closed, [1000, ""])
  assert.deepEqual(await code("GET", "/box/terminal"), [426, "server.upgrade-required"])
})

/** A request to a preview; fetch does not send a Host of one's own. */
function preview(
  address: string,
  path = "/",
  headers: Record<string, string> = {},
): Promise<{ status: number; headers: Record<string, unknown>; body: string }> {
  const { host } = new URL(address)
  const { port } = new URL(url)
  return new Promise((resolve, reject) => {
    request({ host: "127.0.0.1", port, path, headers: { host, ...headers } }, (answer) => {
      let body = ""
      answer.on("data", (chunk) => (body += String(chunk)))
      answer.on("end", () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body }))
    })
      .on("error", reject)
      .end()
  })
}

test("who waits for an answer of a preview that ends is told so", async () => {
  const program = `require("http").createServer(() => console.log("asked")).listen(4002, () => console.log("listening"))`
  const { id } = (await call("POST", "/box/processes", { command: ["node", "-e", program] })).body as { id: string }
  await call("POST", `/box/processes/${id}/wait`, { log: "listening", timeoutMs: 20_000 })
  const { url: shown } = (await call("POST", "/box/ports", { port: 4002 })).body as { url: string }
  const [answer] = await Promise.all([
    preview(shown),
    call("POST", `/box/processes/${id}/wait`, { log: "asked" }).then(() => call("DELETE", "/box/ports/4002")),
  ])
  assert.deepEqual([answer.status, answer.body], [404, "There is no such preview, or it has ended.\n"])
  await call("POST", `/box/processes/${id}/kill`)
})

test("a port is shown on the server's own port, at an origin of its own, and taken back for good", async () => {
  const program = `const http = require("http"), ws = new Set()
    http.createServer((q, r) => {
      r.setHeader("set-cookie", "a=b; Domain = localhost; Path=/"); r.setHeader("clear-site-data", '"*"')
      if (q.url === "/away") { r.writeHead(302, { location: "http://localhost:4000/there?x#y" }); return r.end() }
      r.end(JSON.stringify(q.headers)) })
    .on("upgrade", (q, c) => { c.on("error", () => {}); const accept = require("crypto").createHash("sha1").update(q.headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest("base64")
      c.write("HTTP/1.1 101 Switching Protocols\\r\\nconnection: upgrade\\r\\nupgrade: websocket\\r\\nset-cookie: x=y; domain=localhost\\r\\nsec-websocket-accept: " + accept + "\\r\\n\\r\\n")
      c.write(Buffer.from([0x81, 2, 0x68, 0x69])) })
    .listen(4000, () => console.log("listening"))`
  const { id } = (await call("POST", "/box/processes", { command: ["node", "-e", program] })).body as { id: string }
  await call("POST", `/box/processes/${id}/wait`, { port: 4000, timeoutMs: 20_000 })
  const made = await call("POST", "/box/ports", { port: 4000 })
  const shown = made.body as { port: number; url: string; token: string; expiresAt: null }
  const { port } = new URL(url)
  assert.deepEqual(made, { status: 201, body: { port: 4000, expiresAt: null, token: shown.token, url: `http://4000-box-${shown.token}.localhost:${port}/` } }) // oxfmt-ignore
  assert.deepEqual((await call("POST", "/box/ports", { port: 4000 })).body, shown)
  assert.deepEqual((await call("GET", "/box/ports")).body, { ports: [shown] })
  const origin = new URL(shown.url).origin
  const seen = await preview(shown.url, "/x", { origin, referer: shown.url, "x-forwarded-host": new URL(shown.url).host, authorization, accept: "a" }) // oxfmt-ignore
  assert.equal(seen.status, 200)
  assert.deepEqual(JSON.parse(seen.body), { host: "localhost:4000", origin: "http://localhost:4000", accept: "a", connection: "close" }) // oxfmt-ignore
  assert.deepEqual(seen.headers["set-cookie"], ["a=b; Path=/"])
  assert.deepEqual(
    ["clear-site-data", "referrer-policy", "origin-agent-cluster"].map((name) => seen.headers[name]),
    [undefined, "same-origin", "?1"],
  )
  assert.equal((await preview(shown.url, "/away")).headers["location"], "/there?x#y")
  const wrong = shown.token.startsWith("a") ? "b" : "a"
  assert.equal((await preview(shown.url.replace(shown.token, wrong + shown.token.slice(1)))).status, 404)
  assert.equal((await preview(shown.url.replace("4000-", "4001-"))).status, 404)
  // The name of a preview never reaches the API, nor another name a preview.
  assert.equal((await preview(shown.url, "/healthz")).body.includes("localhost:4000"), true)
  assert.equal((await preview("http://x.localhost/", "/healthz")).status, 403)
  const live = await WebSocketClient.open(`http://127.0.0.1:${port}/`, { headers: { host: new URL(shown.url).host } })
  assert.deepEqual([await live.next(), live.headers["set-cookie"]], ["hi", ["x=y"]])
  assert.equal((await call("DELETE", "/box/ports/4000")).status, 204)
  assert.equal((await live.closed)[0], 1006)
  assert.equal((await preview(shown.url)).status, 404)
  const again = (await call("POST", "/box/ports", { port: 4000 })).body as { url: string }
  assert.notEqual(again.url, shown.url)
  assert.equal((await preview(shown.url)).status, 404)
  assert.equal((await preview(again.url)).status, 200)
  await call("POST", `/box/processes/${id}/kill`)
  assert.equal((await preview(again.url)).status, 502)
  const short = (await call("POST", "/box/ports", { port: 4001, ttlMs: 1 })).body as { url: string }
  while ((await preview(short.url)).status !== 404);
  for (const body of [{}, { port: 0 }, { port: 70_000 }, { port: "1" }, { port: 1, ttlMs: -1 }])
    assert.deepEqual(await code("POST", "/box/ports", body), [400, "input.invalid"], JSON.stringify(body))
})

test("a copy of the files is kept, begun with, and removed; another tenant sees none of it", async () => {
  await run("echo kept > note.txt")
  const { status, body } = await call("POST", "/box/snapshots")
  const snapshot = body as { id: string; sandboxId: string; bytes: number }
  assert.deepEqual([status, snapshot.sandboxId], [201, "box"])
  assert.deepEqual((await call("GET", "/box/snapshots")).body, { snapshots: [snapshot] })
  assert.equal((await call("POST", "", { id: "copy", from: snapshot.id })).status, 201)
  assert.equal(await (await fetch(`${base}/copy/files/note.txt`, { headers: { authorization } })).text(), "kept\n")
  assert.deepEqual(await code("DELETE", `/copy/snapshots/${snapshot.id}`), [404, "sandbox.not-found"])
  assert.deepEqual(await code("POST", "", { tenant: "other", from: snapshot.id }), [404, "sandbox.not-found"])
  const list = async (query = ""): Promise<unknown> =>
    (await fetch(`${url}/v1/snapshots${query}`, { headers: { authorization } })).json()
  assert.deepEqual(await list(), { snapshots: [snapshot] })
  assert.deepEqual(await list("?tenant=other"), { snapshots: [] })
  const forked = await call("POST", "/copy/fork", { id: "forked", env: { WHO: "forked" } })
  assert.deepEqual([forked.status, forked.body["id"]], [201, "forked"])
  const exec = await call("POST", "/forked/exec", { command: "echo $WHO; cat note.txt" })
  assert.equal(exec.body["stdout"], "forked\nkept\n")
  await Promise.all([call("DELETE", "/copy"), call("DELETE", "/forked")])
  assert.equal((await call("DELETE", `/box/snapshots/${snapshot.id}`)).status, 204)
  assert.deepEqual(await list(), { snapshots: [] })
})

test("archives go out and in as they are packed, whole or a folder, and what is none is refused", async () => {
  await run("mkdir -p tree/sub && echo in > tree/sub/file && ln -s /etc/passwd tree/link")
  const get = (query: string): Promise<Response> => fetch(`${base}/box/archive${query}`, { headers: { authorization } })
  const put = (query: string, body: Uint8Array<ArrayBuffer>): Promise<Response> =>
    fetch(`${base}/box/archive${query}`, { method: "PUT", headers: { authorization }, body })
  for (const [format, type] of [
    ["tar", "application/x-tar"],
    ["tar.zst", "application/zstd"],
  ] as const) {
    // oxfmt-ignore
    const answer = await get(`?path=tree&format=${format}`)
    assert.equal(answer.headers.get("content-type"), type)
    const bytes = new Uint8Array(await answer.arrayBuffer())
    assert.equal((await put(`?path=/tmp/${format}/deep&format=${format}`, bytes)).status, 204)
    assert.equal(await run(`cd /tmp/${format}/deep && cat sub/file && readlink link`), "in\n/etc/passwd\n")
  }
  const whole = new Uint8Array(await (await get("")).arrayBuffer())
  await run("rm -rf tree")
  assert.equal((await put("", whole)).status, 204)
  assert.equal(await run("cat tree/sub/file"), "in\n")
  const codes = async (answer: Response): Promise<unknown> => [
    answer.status,
    ((await answer.json()) as { error: { code: string } }).error.code,
  ]
  assert.deepEqual(await codes(await put("", new Uint8Array([1, 2, 3]))), [400, "input.invalid"])
  assert.deepEqual(await codes(await put("?format=tar", new Uint8Array(600).fill(65))), [422, "sandbox.file"])
  assert.deepEqual(await codes(await get("?path=missing")), [404, "sandbox.file-not-found"])
  assert.deepEqual(await codes(await get("?path=note.txt")), [400, "input.invalid"])
  assert.deepEqual(await codes(await get("?format=zip")), [400, "input.invalid"])
})

test("code keeps its state, as one answer and as events", async () => {
  assert.equal((await call("POST", "/box/code", { language: "javascript", code: "let x = 20" })).status, 200)
  const { body } = await call("POST", "/box/code", { language: "javascript", code: "console.log('out'); x * 2 + 2" })
  assert.deepEqual(body, { results: [{ text: "42", isResult: true }], stdout: "out\n", stderr: "", error: null }) // oxfmt-ignore
  const made = await call("POST", "/box/code/contexts", { language: "javascript", name: "mine" })
  assert.deepEqual(made, { status: 201, body: { name: "mine", language: "javascript" } })
  const streamed = await events("POST", "/box/code", { language: "javascript", context: "mine", code: "console.log(1); throw new RangeError(typeof x)" }) // oxfmt-ignore
  const end = streamed.at(-1) as { type: string; error: { name: string; message: string } }
  assert.deepEqual([end.type, end.error.name, end.error.message], ["end", "RangeError", "undefined"])
  assert.deepEqual(streamed[0], { type: "output", stream: "stdout", text: "1\n" })
  const names = ((await call("GET", "/box/code/contexts")).body["contexts"] as { name: string }[]).map(
    ({ name }) => name,
  )
  assert.deepEqual(names, ["default-javascript", "mine"])
  assert.equal((await call("DELETE", "/box/code/contexts/mine")).status, 204)
  assert.deepEqual(await code("POST", "/box/code", { language: "perl", code: "1" }), [400, "input.invalid"])
})

test("files are made, renamed, looked at and watched; bad paths say what is wrong", async () => {
  assert.equal((await call("POST", "/box/mkdir", { path: "w/x" })).status, 204)
  const seen: unknown[] = []
  for await (const { event, data } of follow(`${base}/box/watch?path=w`, key)) {
    if (event === "watching") await run("echo 1 > w/x/a; mv w/x/a w/x/b")
    else seen.push((data as { path: string }).path)
    // Folders are told of in any order.
    if ((data as { path: string }).path === "/workspace/w/x/b") break
  }
  assert.deepEqual([...new Set(seen)].slice(-1), ["/workspace/w/x/b"])
  assert.equal((await call("POST", "/box/rename", { path: "w/x/b", to: "w/c" })).status, 204)
  assert.equal((await call("POST", "/box/chmod", { path: "w/c", mode: "600" })).status, 204)
  const { path, type, size, mode } = (await call("GET", "/box/stat?path=w/c")).body as Record<string, unknown>
  assert.deepEqual([path, type, size, mode], ["/workspace/w/c", "file", 2, 0o600])
  assert.deepEqual((await call("GET", "/box/exists?path=w/x/b")).body, { exists: false })
  assert.deepEqual(await code("GET", "/box/stat?path=w/x/b"), [404, "sandbox.file-not-found"])
  assert.deepEqual(await code("POST", "/box/rename", { path: "w/gone", to: "w/d" }), [404, "sandbox.file-not-found"]) // oxfmt-ignore
  assert.deepEqual(await code("GET", "/box/watch?path=missing"), [404, "sandbox.file-not-found"])
  for (const [method, rest, body] of [
    ["GET", "/stat"],
    ["GET", "/stat?path=a%00b"],
    ["GET", "/stat?path=a&path=b"],
    ["POST", "/mkdir", { path: "" }],
    ["POST", "/chmod", { path: "w/c", mode: "888" }],
    ["POST", "/rename", { path: "a" }],
  ] as const)
    assert.deepEqual(await code(method, `/box${rest}`, body), [400, "input.invalid"], `${method} ${rest}`)
})

test("what it may reach is read and changed while it runs", async () => {
  assert.deepEqual(await call("GET", "/box/policy"), { status: 200, body: { network: {} } })
  const network = { allowedOrigins: ["https://example.com"] }
  assert.equal((await call("PUT", "/box/policy", { network })).status, 204)
  assert.deepEqual((await call("GET", "/box/policy")).body, { network })
  assert.deepEqual(await code("PUT", "/box/policy", { network: { allowedOrigins: ["nonsense"] } }), [400, "input.invalid"]) // oxfmt-ignore
  assert.deepEqual(await code("PUT", "/box/policy", { network: null }), [400, "input.invalid"])
  assert.deepEqual((await call("GET", "/box/policy")).body, { network })
})

test("variables, figures, clones, a stop and the end", async () => {
  assert.equal((await call("POST", "/box/env", { env: { WHO: null, NEW: "new" } })).status, 204)
  assert.equal(await run("echo [$WHO] $NEW"), "[] new\n")
  await run("git init -q repo && cd repo && git -c user.name=a -c user.email=a@b.c commit -q --allow-empty -m first")
  const cloned = await call("POST", "/box/git/clone", { url: "file:///workspace/repo", dir: "cloned" })
  assert.deepEqual(cloned, { status: 200, body: { path: "/workspace/cloned" } })
  assert.deepEqual(await code("POST", "/box/git/clone", { url: "file:///nowhere" }), [502, "sandbox.git"])
  assert.deepEqual(await code("POST", "/box/git/clone", { url: "--upload-pack=x" }), [400, "input.invalid"])
  const { memoryBytes } = (await call("GET", "/box/stats")).body
  assert.ok(memoryBytes === null || Number(memoryBytes) > 0)
  const { id } = (await call("POST", "/box/processes", { command: "sleep 1000" })).body as { id: string }
  assert.equal((await call("POST", "/box/stop")).status, 204)
  assert.equal((await call("GET", "/box")).body["status"], "stopped")
  assert.equal((await call("GET", `/box/processes/${id}`)).body["status"], "lost")
  assert.equal(await run("ls repo/.git/HEAD"), "repo/.git/HEAD\n")
  assert.equal((await call("DELETE", "/box")).status, 204)
  for (const [method, path, body] of [
    ["GET", "/box/processes"],
    ["POST", "/box/shells", {}],
    ["GET", "/box/ports"],
    ["POST", "/box/stop"],
    ["POST", "/box/code", { language: "javascript", code: "1" }],
  ] as const)
    assert.deepEqual(await code(method, path, body), [404, "sandbox.not-found"], path)
})
