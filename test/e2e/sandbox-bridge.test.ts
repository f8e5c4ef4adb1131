import assert from "node:assert/strict"
import { test } from "node:test"
import { serve } from "./served.ts"
import { WebSocketClient } from "./web-socket-client.ts"

/** The routes of Cloudflare's Sandbox bridge: requests, answers and error shapes as its own schema (of @cloudflare/sandbox 0.12) has them. */
const { url, authorization } = await serve("bridge")

function send(method: string, path: string, body?: string | Uint8Array<ArrayBuffer>, headers = {}): Promise<Response> {
  return fetch(`${url}/v1${path}`, {
    method,
    headers: { authorization, ...headers },
    ...(body !== undefined && { body }),
  })
}

/** Status, and the code of the error. */
async function failure(answer: Promise<Response>): Promise<[number, unknown]> {
  const response = await answer
  const { error, code } = (await response.json()) as { error: unknown; code: unknown }
  assert.equal(typeof error, "string")
  return [response.status, code]
}

interface Ended {
  readonly stdout: string
  readonly stderr: string
  /** The last event and its data. */
  readonly end: readonly [string, unknown]
}

/** Reads the stream as clients do. */
async function exec(id: string, body: object, headers = {}): Promise<Ended> {
  const response = await send("POST", `/sandbox/${id}/exec`, JSON.stringify(body), { "content-type": "application/json", ...headers }) // oxfmt-ignore
  assert.deepEqual([response.status, response.headers.get("content-type")], [200, "text/event-stream"])
  const texts = { stdout: "", stderr: "" }
  let end: readonly [string, unknown] = ["none", undefined]
  for (const [, event = "", data = ""] of (await response.text()).matchAll(/event: (\w+)\ndata: (.*)\n\n/g)) {
    if (event === "stdout" || event === "stderr") texts[event] += Buffer.from(data, "base64").toString()
    else end = [event, JSON.parse(data)]
  }
  return { ...texts, end }
}

const { id } = (await (await send("POST", "/sandbox")).json()) as { id: string }

test("exec streams base64 and ends with the exit code", async () => {
  assert.match(id, /^[a-z2-7]{26}$/)
  assert.deepEqual(await exec(id, { argv: ["sh", "-lc", "echo 'ö $1'; echo err >&2; exit 3"] }), { stdout: "ö $1\n", stderr: "err\n", end: ["exit", { exit_code: 3 }] }) // oxfmt-ignore
  assert.deepEqual(await exec(id, { argv: ["printf", "%s|", "a b", "$HOME", "it's"] }), { stdout: "a b|$HOME|it's|", stderr: "", end: ["exit", { exit_code: 0 }] }) // oxfmt-ignore
  assert.deepEqual((await exec(id, { argv: ["sleep", "100"], timeout_ms: 100 })).end, ["exit", { exit_code: 124 }])
  await exec(id, { argv: ["mkdir", "-p", "sub"] })
  assert.equal((await exec(id, { argv: ["pwd"], cwd: "sub" })).stdout, "/workspace/sub\n")
  assert.deepEqual((await exec(id, { argv: ["pwd"], cwd: "missing" })).end[0], "error")
  assert.deepEqual(await (await send("GET", `/sandbox/${id}/running`)).json(), { running: true })
})

test("a key of a repeat that is another request is a conflict", async () => {
  const keyed = { "idempotency-key": "once" }
  const made = await send("POST", `/sandbox/${id}/session`, JSON.stringify({ id: "once" }), keyed)
  assert.equal(made.status, 200)
  const other = send("POST", `/sandbox/${id}/session`, JSON.stringify({ id: "other" }), keyed)
  assert.deepEqual(await failure(other), [409, "invalid_request"])
})

test("sessions keep their state, one command's folder does not stay, and they end", async () => {
  const made = await send("POST", `/sandbox/${id}/session`, JSON.stringify({ id: "s1", cwd: "/workspace/sub", env: { A: "a" } })) // oxfmt-ignore
  assert.deepEqual(await made.json(), { id: "s1" })
  const session = { "session-id": "s1" }
  await exec(id, { argv: ["export", "B=it's"] }, session)
  assert.equal((await exec(id, { argv: ["sh", "-c", "echo $A $B; pwd"] }, session)).stdout, "a it's\n/workspace/sub\n")
  const other = await exec(id, { argv: ["sh", "-c", "pwd; exit 5"], cwd: "/workspace" }, session)
  assert.deepEqual([other.stdout, other.end], ["/workspace\n", ["exit", { exit_code: 5 }]])
  assert.equal((await exec(id, { argv: ["pwd"] }, session)).stdout, "/workspace/sub\n")
  assert.deepEqual(await failure(send("POST", `/sandbox/${id}/session`, `{"id":"s1"}`)), [502, "session_error"])
  const ended = (await (await send("DELETE", `/sandbox/${id}/session/s1`)).json()) as { success: boolean; sessionId: string } // oxfmt-ignore
  assert.deepEqual([ended.success, ended.sessionId], [true, "s1"])
  assert.deepEqual(await failure(send("DELETE", `/sandbox/${id}/session/s1`)), [502, "session_error"])
  assert.deepEqual(await failure(send("POST", `/sandbox/${id}/exec`, `{"argv":["true"]}`, { "session-id": "../x" })), [400, "invalid_request"]) // oxfmt-ignore
})

test("files and archives are bytes below /workspace", async () => {
  const bytes = new Uint8Array(200_000).map((_, at) => at % 253)
  assert.deepEqual(await (await send("PUT", `/sandbox/${id}/file/workspace/deep/a%20b.bin`, bytes)).json(), {
    ok: true,
  })
  const read = await send("GET", `/sandbox/${id}/file/workspace/deep/a%20b.bin`)
  assert.equal(read.headers.get("content-type"), "application/octet-stream")
  assert.ok(Buffer.from(await read.arrayBuffer()).equals(Buffer.from(bytes)))
  await exec(id, { argv: ["sh", "-c", "ln -s /etc out; echo no > left-out; echo yes > kept"] })
  assert.deepEqual(await failure(send("GET", `/sandbox/${id}/file/workspace/none`)), [404, "workspace_read_not_found"])
  for (const path of ["etc/passwd", "workspace/..%2F..%2Fetc/passwd", "workspace/out/passwd"])
    assert.deepEqual(await failure(send("GET", `/sandbox/${id}/file/${path}`)), [403, "invalid_request"], path)
  assert.deepEqual(await failure(send("PUT", `/sandbox/${id}/file/tmp/x`, "x")), [403, "invalid_request"])
  assert.deepEqual(await failure(send("GET", `/sandbox/${id}/file/`)), [400, "invalid_request"])
  const tar = new Uint8Array(await (await send("POST", `/sandbox/${id}/persist?excludes=left-out,./sub`)).arrayBuffer())
  const { id: second } = (await (await send("POST", "/sandbox")).json()) as { id: string }
  assert.deepEqual(await (await send("POST", `/sandbox/${second}/hydrate`, tar)).json(), { ok: true })
  const listed = await exec(second, { argv: ["sh", "-c", "ls; cat kept; readlink out; stat -c %s 'deep/a b.bin'"] })
  assert.equal(listed.stdout, "deep\nkept\nout\nyes\n/etc\n200000\n")
  assert.deepEqual(await failure(send("POST", `/sandbox/${second}/hydrate`, "")), [400, "invalid_request"])
  assert.deepEqual(await failure(send("POST", `/sandbox/${second}/hydrate`, "x".repeat(600))), [502, "workspace_archive_write_error"]) // oxfmt-ignore
  assert.deepEqual(await failure(send("POST", `/sandbox/${id}/persist?excludes=../x`)), [400, "invalid_request"])
  assert.equal((await send("DELETE", `/sandbox/${second}`)).status, 204)
  assert.equal((await send("DELETE", `/sandbox/${second}`)).status, 204)
})

test("a terminal stays when its client goes, and shows again what it showed", async () => {
  const open = (): Promise<WebSocketClient> =>
    WebSocketClient.open(`${url}/v1/sandbox/${id}/pty?cols=77&rows=20&session=t1`, { headers: { authorization } })
  const until = async (client: WebSocketClient, text: string): Promise<void> => {
    let shown = ""
    while (!shown.includes(text)) {
      const message = await client.next()
      if (Array.isArray(message)) shown += Buffer.from(message as number[]).toString()
    }
  }
  const first = await open()
  assert.equal((JSON.parse(String(await first.next())) as { type: string }).type, "ready")
  first.socket.send(Buffer.from("stty size; echo fi''rst\n"))
  await until(first, "20 77\r\nfirst")
  first.socket.terminate()
  const second = await open()
  await until(second, "20 77\r\nfirst")
  second.socket.send(Buffer.from("exit 4\n"))
  let last: unknown
  do last = await second.next()
  while (typeof last !== "string" || !last.includes("exit"))
  assert.equal((JSON.parse(last) as { code: number }).code, 4)
  assert.deepEqual(await failure(send("GET", `/sandbox/${id}/pty`)), [400, "invalid_request"])
})

test("tunnels are addresses of previews", async () => {
  await exec(id, { argv: ["sh", "-c", "node -e 'require(`http`).createServer((q, r) => r.end(`up`)).listen(8080)' >/dev/null 2>&1 &"] }) // oxfmt-ignore
  const made = (await (await send("POST", `/sandbox/${id}/tunnel/8080`)).json()) as Record<string, unknown>
  assert.deepEqual([made["port"], made["hostname"], Object.keys(made)], [8080, new URL(String(made["url"])).hostname, ["id", "port", "url", "hostname", "createdAt"]]) // oxfmt-ignore
  assert.equal((await send("DELETE", `/sandbox/${id}/tunnel/8080`)).status, 204)
  for (const port of ["80", "70000", "x"])
    assert.deepEqual(await failure(send("POST", `/sandbox/${id}/tunnel/${port}`)), [400, "invalid_request"])
  assert.deepEqual(await failure(send("POST", `/sandbox/${id}/tunnel/8080`, `{"name":"app"}`)), [502, "tunnel_error"])
})

test("what is wrong is said in the bridge's own shape", async () => {
  for (const body of ["{", "[]", "{}", `{"argv":[]}`, `{"argv":[1]}`, `{"argv":"ls"}`, `{"argv":["a\\u0000"]}`]) {
    const answer = await send("POST", `/sandbox/${id}/exec`, body)
    if (answer.status === 200) assert.match(await answer.text(), /event: error\n/, body)
    else assert.deepEqual(await failure(Promise.resolve(answer)), [400, "invalid_request"], body)
  }
  assert.deepEqual(await failure(send("POST", `/sandbox/${id}/exec`, `{"argv":["ls"],"cwd":"/etc"}`)), [403, "invalid_request"]) // oxfmt-ignore
  for (const wrong of ["Box", "a-b", "1", "a".repeat(200), "..%2F.."])
    assert.deepEqual(await failure(send("GET", `/sandbox/${wrong}/running`)), [400, "invalid_request"], wrong)
  const bare = await fetch(`${url}/v1/sandbox`, { method: "POST" })
  const { mayfly, ...theirs } = (await bare.json()) as { mayfly: { code: string } }
  // The error in our own words is beside it.
  assert.deepEqual([bare.status, theirs, mayfly.code], [401, { error: "Unauthorized", code: "unauthorized" }, "auth.missing"]) // oxfmt-ignore
  assert.deepEqual(await failure(send("POST", `/sandbox/${id}/exec`, `{"argv":["ls"]}`, { authorization: "Bearer x" })), [401, "unauthorized"]) // oxfmt-ignore
  assert.deepEqual(await failure(send("POST", `/sandbox/${id}/mount`, `{"bucket":"b","mountPath":"/m","options":{}}`)), [502, "mount_error"]) // oxfmt-ignore
  assert.deepEqual(await failure(send("POST", `/sandbox/${id}/unmount`, `{"mountPath":"m"}`)), [400, "invalid_request"])
  assert.deepEqual(await failure(send("GET", `/sandbox/${id}/nothing`)), [404, "invalid_request"])
  const stats = (await (await send("GET", "/pool/stats")).json()) as { assigned: number; warm: number }
  assert.deepEqual([stats.assigned, stats.warm], [1, 0])
  assert.deepEqual(await (await send("POST", "/pool/prime")).json(), { ok: true })
})
