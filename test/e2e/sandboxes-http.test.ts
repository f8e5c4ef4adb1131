import assert from "node:assert/strict"
import { connect } from "node:net"
import { test } from "node:test"
import { serve } from "./served.ts"

const { url, authorization } = await serve("sandboxes-http")

function send(method: string, path: string, body?: string | Uint8Array<ArrayBuffer>, headers = {}): Promise<Response> {
  return fetch(`${url}/v1/sandboxes${path}`, {
    method,
    headers: { authorization, ...headers },
    ...(body === undefined ? {} : { body }),
  })
}

async function call(method: string, path: string, body?: unknown): Promise<{ status: number; body: unknown }> {
  const response = await send(method, path, body === undefined ? undefined : JSON.stringify(body))
  const text = await response.text()
  return { status: response.status, body: text === "" ? undefined : JSON.parse(text) }
}

async function code(method: string, path: string, body?: unknown): Promise<readonly [number, unknown]> {
  const { status, body: given } = await call(method, path, body)
  return [status, (given as { error?: { code: string } } | undefined)?.error?.code]
}

const made = await call("POST", "", { id: "web", env: { WHO: "web" }, limits: { memoryMb: 512 } })

test("a sandbox is made, listed, looked at, and removed", async () => {
  const { id, tenant, limits } = made.body as { id: string; tenant: string; limits: { memoryMb: number } }
  assert.deepEqual([made.status, id, tenant, limits.memoryMb], [201, "web", "default", 512])
  assert.deepEqual(await code("POST", "", { id: "web" }), [409, "sandbox.exists"])
  assert.deepEqual(await code("POST", "", { provider: "virtual" }), [400, "input.invalid"])
  await call("POST", "", { id: "gone" })
  const { sandboxes } = (await call("GET", "")).body as { sandboxes: { id: string }[] }
  assert.deepEqual(
    sandboxes.map((one) => one.id),
    ["gone", "web"],
  )
  assert.equal((await call("GET", "/gone")).status, 200)
  assert.equal((await call("DELETE", "/gone")).status, 204)
  assert.deepEqual(await code("GET", "/gone"), [404, "sandbox.not-found"])
})

test("exec answers with the command's end", async () => {
  const body = { command: "cat; echo $WHO $MORE >&2; exit 3", stdin: "in", env: { MORE: "more" } }
  const answer = await call("POST", "/web/exec", body)
  const { durationMs, ...rest } = answer.body as { durationMs: number }
  assert.equal(typeof durationMs, "number")
  assert.deepEqual([answer.status, rest], [
    200,
    {
      exitCode: 3,
      success: false,
      signal: null,
      stdout: "in",
      stderr: "web more\n",
      timedOut: false,
      truncated: false,
    },
  ]) // oxfmt-ignore
  const list = await call("POST", "/web/exec", { command: ["cat"], stdin: { $bytes: btoa("bytes") }, cwd: "/tmp" })
  assert.equal((list.body as { stdout: string }).stdout, "bytes")
})

test("exec as events gives output as it comes, then the end", async () => {
  // The second half comes when the first has been read: as one answer this would wait for ever.
  const body = JSON.stringify({ command: "echo one; until [ -e go ]; do sleep 0.05; done; echo two >&2" })
  const response = await send("POST", "/web/exec", body, { accept: "text/event-stream" })
  assert.equal(response.headers.get("content-type"), "text/event-stream")
  let text = ""
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    text += Buffer.from(chunk).toString()
    if (text.includes("one") && !text.includes("two")) await send("PUT", "/web/files/go", "")
  }
  const events = [...text.matchAll(/^data: (.*)$/gm)].map(
    ([, data = ""]) => JSON.parse(data) as Record<string, unknown>,
  )
  const end = events.pop()
  assert.deepEqual(events, [
    { type: "output", stream: "stdout", text: "one\n" },
    { type: "output", stream: "stderr", text: "two\n" },
  ])
  assert.deepEqual({ ...end, durationMs: 0 }, { type: "result", exitCode: 0, success: true, signal: null, timedOut: false, durationMs: 0 }) // oxfmt-ignore
})

test("a client that goes away ends its command", async () => {
  const leave = new AbortController()
  const request = { method: "POST", headers: { authorization, accept: "text/event-stream" }, signal: leave.signal }
  const body = JSON.stringify({ command: "echo $$; exec sleep 1000" })
  const response = await fetch(`${url}/v1/sandboxes/web/exec`, { ...request, body })
  const first = Buffer.from((await response.body?.getReader().read())?.value ?? []).toString()
  const [, pid = ""] = /"text":"(\d+)\\n"/.exec(first) ?? []
  const alive = await call("POST", "/web/exec", { command: `kill -0 ${pid}` })
  assert.equal((alive.body as { exitCode: number }).exitCode, 0)
  leave.abort()
  const gone = `while kill -0 ${pid} 2>&1; do :; done; echo gone`
  const { body: answer } = await call("POST", "/web/exec", { command: gone, timeoutMs: 30_000 })
  assert.match((answer as { stdout: string }).stdout, /gone\n$/)
})

test("files go in and out as bytes, and are listed and removed", async () => {
  const bytes = new Uint8Array(3 << 20).map((_, at) => at % 251)
  const put = await send("PUT", "/web/files/deep/a%20file%20%25.bin?mode=750", bytes)
  assert.deepEqual(await put.json(), { size: bytes.length })
  const got = await send("GET", "/web/files/deep/a%20file%20%25.bin")
  assert.deepEqual([got.status, got.headers.get("content-type")], [200, "application/octet-stream"])
  assert.ok(Buffer.from(await got.arrayBuffer()).equals(Buffer.from(bytes)))
  assert.equal(await (await send("PUT", "/web/files/%2Ftmp/absolute", "x")).text(), `{"size":1}`)
  assert.equal(await (await send("GET", "/web/files/%2Ftmp/absolute")).text(), "x")
  const { entries } = (await call("GET", "/web/files?path=deep")).body as { entries: { path: string; mode: number }[] }
  assert.deepEqual(
    entries.map(({ path, mode }) => [path, mode]),
    [["/workspace/deep/a file %.bin", 0o750]],
  )
  assert.deepEqual(await code("DELETE", "/web/files/deep"), [422, "sandbox.file"])
  assert.equal((await send("DELETE", "/web/files/deep?recursive=true")).status, 204)
  assert.deepEqual(await code("GET", "/web/files/deep"), [404, "sandbox.file-not-found"])
})

test("an upload that is cut off leaves the file as it was", async () => {
  await send("PUT", "/web/files/kept.txt", "whole")
  const { port, hostname } = new URL(url)
  const socket = connect(Number(port), hostname)
  socket.write(
    `PUT /v1/sandboxes/web/files/kept.txt HTTP/1.1\r\nhost: ${hostname}\r\nauthorization: ${authorization}\r\ncontent-length: 1000\r\n\r\nhalf`,
  )
  // The half is there when the file beside it is.
  const wait = (test: string): object => ({ command: `until ${test}; do :; done`, timeoutMs: 30_000 })
  assert.equal(((await call("POST", "/web/exec", wait("ls -A | grep -q kept.txt."))).body as { exitCode: number }).exitCode, 0) // oxfmt-ignore
  socket.destroy()
  assert.equal(((await call("POST", "/web/exec", wait("! ls -A | grep -q kept.txt."))).body as { exitCode: number }).exitCode, 0) // oxfmt-ignore
  assert.equal(await (await send("GET", "/web/files/kept.txt")).text(), "whole")
})

test("what another tenant names, what makes no sense, and who has no key is refused", async () => {
  for (const [method, path, body] of [
    ["GET", "/web?tenant=other"],
    ["DELETE", "/web?tenant=other"],
    ["POST", "/web/exec?tenant=other", { command: "id" }],
    ["GET", "/web/files?tenant=other"],
    ["GET", "/web/files/kept.txt?tenant=other"],
    ["PUT", "/web/files/kept.txt?tenant=other", "x"],
    ["DELETE", "/web/files/kept.txt?tenant=other"],
  ] as const)
    assert.deepEqual(await code(method, path, body), [404, "sandbox.not-found"], `${method} ${path}`)
  // Each tenant has ids of its own.
  assert.equal((await call("POST", "", { id: "web", tenant: "other" })).status, 201)
  assert.equal((await call("DELETE", "/web?tenant=other")).status, 204)
  for (const [method, path, body] of [
    ["POST", "", { id: "../x" }],
    ["POST", "", { provider: "none" }],
    ["POST", "/web/exec", {}],
    ["POST", "/web/exec", { command: ["a", 1] }],
    ["POST", "/web/exec", { command: "id", timeoutMs: "1" }],
    ["POST", "/web/exec", { command: "id", stdin: 1 }],
    ["POST", "/web/exec", { command: "id", onOutput: 1 }],
    ["POST", "/web/exec", { command: "id", maxOutputBytes: 1e12 }],
    ["PUT", "/web/files/", "x"],
    ["PUT", "/web/files/%ff", "x"],
    ["PUT", "/web/files/a?mode=9", "x"],
    ["GET", "/web/files?recursive=1"],
    ["GET", "/web?tenant=a/b"],
  ] as const)
    assert.deepEqual(
      await code(method, path, body),
      [400, "input.invalid"],
      `${method} ${path} ${JSON.stringify(body)}`,
    )
  const bare = await fetch(`${url}/v1/sandboxes/web/files/kept.txt`)
  assert.equal(bare.status, 401)
})
