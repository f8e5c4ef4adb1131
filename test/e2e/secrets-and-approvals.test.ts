import assert from "node:assert/strict"
import { createHmac } from "node:crypto"
import { chownSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { createServer, type IncomingHttpHeaders } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { text as readText } from "node:stream/consumers"
import { after, test } from "node:test"
import type { Approval } from "mayfly"
import { mayfly, startMayfly } from "./mayfly-process.ts"

const folder = mkdtempSync(join(tmpdir(), "mayfly-secrets-"))
after(() => rmSync(folder, { recursive: true }))
const seen: (string | undefined)[] = []
const echo = createServer((request, response) => {
  seen.push(request.headers.authorization)
  response.end(`you sent ${request.headers.authorization}`)
})
await new Promise<void>((resolve) => echo.listen(0, "127.0.0.1", resolve))
after(() => echo.close())
const origin = `http://127.0.0.1:${(echo.address() as AddressInfo).port}`

const data = join(folder, "data")
const server = startMayfly(["serve", "--port", "0", "--data", data])
after(() => server.child.kill("SIGKILL"))
const [, key = ""] = await server.output(/admin key: (mf_\S+)/)
const [, url = ""] = await server.output(/serving at (\S+)/)
const value = "sk-live-0123456789abcdef"

interface RunAnswer {
  readonly ok: boolean
  readonly result?: unknown
  readonly error?: { readonly code: string; readonly message: string }
  readonly logs: readonly { readonly message: string }[]
  readonly egress: readonly { readonly decision: string; readonly secrets: readonly string[] }[]
}

async function call<T>(method: string, path: string, body?: unknown): Promise<{ status: number; body: T }> {
  const given = body === undefined ? {} : { body: JSON.stringify(body) }
  const response = await fetch(`${url}${path}`, { method, headers: { authorization: `Bearer ${key}` }, ...given })
  const text = await response.text()
  return { status: response.status, body: (text === "" ? undefined : JSON.parse(text)) as T }
}

async function run(network: object, script: string): Promise<RunAnswer> {
  return (await call<RunAnswer>("POST", "/v1/run", { script, network })).body
}

/** The open question, once there is one. */
async function question(): Promise<Approval> {
  for (;;) {
    const { body } = await call<{ approvals: Approval[] }>("GET", "/v1/approvals?status=pending")
    if (body.approvals[0] !== undefined) return body.approvals[0]
  }
}

const asks = { defaultPolicy: "ask" }
const fetches = `return (await fetch("${origin}/v1/orders", { method: "POST" })).status`

test("a secret is set by command, used by policy, never seen by the program, and its return raises an alert", async () => {
  const set = await mayfly(["secrets", "set", "TOKEN", "--data", data], { input: `${value}\n` })
  assert.deepEqual(set, { code: 0, stdout: "", stderr: "" })
  const rule = { origin, headers: { authorization: { secret: "TOKEN" } } }
  const answer = await run(
    { allowedOrigins: [rule] },
    `const text = await (await fetch("${origin}")).text(); console.log(text); return { text, env: Object.keys(env) }`,
  )
  assert.equal(seen.at(-1), `Bearer ${value}`)
  const stars = `you sent Bearer ${"*".repeat(value.length)}`
  assert.deepEqual([answer.result, answer.logs[0]?.message], [{ text: stars, env: [] }, stars])
  assert.deepEqual(
    answer.egress.map(({ secrets }) => secrets),
    [["TOKEN"]],
  )
  await server.output(/alert: the secret "TOKEN" of tenant "default" came back from http:\/\/127\.0\.0\.1/)
})

test("values are nowhere in the data directory, and never come out of the API", async () => {
  const files = readdirSync(data, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  const holders = files.filter(({ parentPath, name }) => readFileSync(join(parentPath, name)).includes(value))
  assert.deepEqual(
    holders.map(({ name }) => name),
    [],
  )
  assert.equal(statSync(join(data, "owner.sock")).mode & 0o777, 0o600)
  const { body } = await call<{ secrets: readonly { readonly name: string }[] }>("GET", "/v1/secrets")
  assert.deepEqual(
    body.secrets.map((secret) => Object.keys(secret).toSorted()),
    [["name", "updatedAt"]],
  )
  const foreign = await call<{ secrets: readonly unknown[] }>("GET", "/v1/secrets?tenant=other")
  assert.deepEqual(foreign.body.secrets, [])
})

test("a program that has a secret by other ways can't show it: results, errors and logs are searched", async () => {
  const network = { allowedOrigins: [{ origin, headers: { authorization: { secret: "TOKEN" } } }] }
  const split = `const value = "${value.slice(0, 9)}" + "${value.slice(9)}"; await fetch("${origin}");`
  const shown = await run(
    network,
    `${split} console.log(value, btoa(value)); return { value, url: encodeURIComponent(value) }`,
  )
  const stars = "*".repeat(value.length)
  assert.deepEqual(shown.result, { value: stars, url: stars })
  assert.match(shown.logs[0]?.message ?? "", /^\*+ \*{28,}\S{0,4}$/)
  const thrown = await run(network, `${split} throw new Error("see " + value)`)
  assert.match(thrown.error?.message ?? "", /see \*+/)
  assert.ok(!JSON.stringify([shown, thrown]).includes(value))
})

test("secrets refuses what can't be a secret, and says so without repeating it", async () => {
  const short = await mayfly(["secrets", "set", "X", "--data", data], { input: "s3cr3t" })
  assert.equal(short.code, 2)
  assert.match(short.stderr, /at least 8 characters/)
  assert.doesNotMatch(short.stderr, /s3cr3t/)
  assert.equal((await call("PUT", "/v1/secrets/1X", { value })).status, 400)
  assert.equal((await call("PUT", "/v1/secrets/X", { value: 7 })).status, 400)
  assert.equal((await call("DELETE", "/v1/secrets/NOPE")).status, 404)
  const missing = await run(
    { allowedOrigins: [{ origin, headers: { a: { secret: "NOPE" } } }] },
    `await fetch("${origin}")`,
  )
  assert.equal(missing.ok, false)
  assert.match(missing.error?.message ?? "", /the secret "NOPE" is not stored/)
})

test("a policy that asks holds the request until somebody answers by command", async () => {
  const waiting = run(asks, fetches)
  const { id, origin: to, method, path, excerpt } = await question()
  assert.deepEqual([to, method, path, excerpt], [origin, "POST", "/v1/orders", fetches])
  const listed = await mayfly(["approvals", "ls", "--status", "pending", "--data", data])
  assert.match(listed.stdout, new RegExp(`pending  ${id}  POST ${origin}/v1/orders`))
  const allowed = await mayfly(["approvals", "allow", id, "--data", data, "--json"])
  const { status, scope, decidedBy } = JSON.parse(allowed.stdout) as Approval
  assert.deepEqual([status, scope, typeof decidedBy], ["allowed", "once", "string"])
  assert.deepEqual([(await waiting).result, seen.at(-1)], [200, undefined])
})

test("a no is an error that an agent can read, and is on record", async () => {
  const waiting = run(asks, fetches)
  const { id } = await question()
  assert.equal((await call("POST", `/v1/approvals/${id}/deny`, { scope: "once" })).status, 200)
  const { error, egress } = await waiting
  assert.match(error?.message ?? "", /somebody was asked for an approval and said no.*Do not try other routes/)
  assert.deepEqual(
    egress.map(({ decision }) => decision),
    ["deny"],
  )
  assert.equal((await call("POST", `/v1/approvals/${id}/allow`)).status, 404)
  assert.equal((await call("POST", `/v1/approvals/${id}/allow`, { scope: "all" })).status, 400)
})

test("secrets and open questions survive kill -9, and commands find them without an owner", async () => {
  const waiting = run(asks, fetches).catch(() => "gone")
  const { id } = await question()
  server.child.kill("SIGKILL")
  assert.equal(await waiting, "gone")
  const secrets = await mayfly(["secrets", "ls", "--data", data, "--json"])
  assert.deepEqual(
    secrets.stdout.split("\n").map((line) => line !== "" && (JSON.parse(line) as { name: string }).name),
    ["TOKEN", false],
  )
  const pending = await mayfly(["approvals", "ls", "--status", "pending", "--data", data, "--json"])
  assert.equal((JSON.parse(pending.stdout) as Approval).id, id)
})

test("run --secret gives a program a placeholder that is worth nothing elsewhere", async () => {
  const input = `return [env.KEY, await (await fetch("${origin}", { headers: { authorization: "Bearer " + env.KEY } })).text()]`
  const flags = ["--allow", origin, "--secret", "KEY", "--json"]
  const { stdout } = await mayfly(["run", "-", ...flags], { input, env: { KEY: value } })
  const [placeholder, text] = (JSON.parse(stdout) as { result: [string, string] }).result
  assert.match(placeholder, /^sk-mayfly-KEY-[0-9a-f]{12}$/)
  assert.equal(seen.at(-1), `Bearer ${value}`)
  assert.equal(text, `you sent Bearer ${"*".repeat(value.length)}`)
  const none = await mayfly(["run", "-", "--secret", "NOT_THERE"], { input })
  assert.equal(none.code, 2)
  assert.match(none.stderr, /"NOT_THERE", which is not in the environment/)
})

test("run --learn prints the smallest policy, and what goes beyond a known one", async () => {
  const input = `await fetch("${origin}/a?x=1"); await fetch("${origin}/b", { method: "PUT" }); return 1`
  const learned = await mayfly(["run", "-", "--learn", "--yes", "--allow", origin], { input })
  const policy = { defaultPolicy: "deny", allowedOrigins: [{ origin, methods: ["GET", "PUT"], paths: ["/a", "/b"] }] }
  assert.deepEqual(JSON.parse(learned.stdout), policy)
  const refused = await mayfly(["run", "-", "--learn"], { input })
  assert.equal(refused.code, 2)
  assert.match(refused.stderr, /--yes is needed when nobody can be asked/)
})

test("serve --webhook tells of a question, signed with a secret that is printed once", async (t) => {
  const { promise, resolve } = Promise.withResolvers<{ headers: IncomingHttpHeaders; body: string }>()
  const receiver = createServer(async (request, response) => {
    resolve({ headers: request.headers, body: await readText(request) })
    response.end()
  })
  await new Promise<void>((done) => receiver.listen(0, "127.0.0.1", done))
  t.after(() => receiver.close())
  const hooks = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`
  const own = join(folder, "hooked")
  const args = ["serve", "--port", "0", "--data", own, "--webhook", hooks]
  const hooked = startMayfly(args)
  t.after(() => hooked.child.kill("SIGKILL"))
  const [, secret = ""] = await hooked.output(/webhook secret: (whsec_\S+)/)
  const [, adminKey = ""] = await hooked.output(/admin key: (mf_\S+)/)
  const [, at = ""] = await hooked.output(/serving at (\S+)/)
  const gone = new AbortController()
  const body = JSON.stringify({ script: fetches, network: asks })
  const headers = { authorization: `Bearer ${adminKey}` }
  const running = fetch(`${at}/v1/run`, { method: "POST", headers, body, signal: gone.signal }).catch(() => {})
  const told = await promise
  const [id, timestamp] = [told.headers["webhook-id"], told.headers["webhook-timestamp"]]
  const mac = createHmac("sha256", Buffer.from(secret.slice(6), "base64")).update(`${id}.${timestamp}.${told.body}`)
  assert.equal(told.headers["webhook-signature"], `v1,${mac.digest("base64")}`)
  const { type, data: approval } = JSON.parse(told.body) as { type: string; data: Approval }
  assert.deepEqual(
    [type, approval.status, approval.origin, approval.path],
    ["approval.asked", "pending", origin, "/v1/orders"],
  )
  gone.abort()
  await running
  hooked.child.kill("SIGTERM")
  await hooked.finished
  assert.equal(statSync(join(own, "webhook-secret")).mode & 0o777, 0o600)
  const again = startMayfly(args)
  t.after(() => again.child.kill("SIGKILL"))
  await again.output(/serving at/)
  again.child.kill("SIGTERM")
  assert.doesNotMatch((await again.finished).stdout, /whsec_/)
  const wrong = await mayfly([...args, "--webhook-secret", "hunter2-hunter2"])
  assert.equal(wrong.code, 2)
  assert.match(wrong.stderr, /webhooks\[0\]\.secret must be "whsec_"/)
  assert.doesNotMatch(wrong.stderr, /hunter2/)
})

test("a socket of somebody else's gets no secret", { skip: process.getuid?.() !== 0 }, async (t) => {
  const theirs = join(folder, "theirs")
  mkdirSync(theirs)
  let calls = 0
  const listener = createServer((_request, response) => {
    calls++
    response.end("{}")
  })
  await new Promise<void>((done) => listener.listen(join(theirs, "owner.sock"), done))
  t.after(() => listener.close())
  chownSync(join(theirs, "owner.sock"), 65_534, 65_534)
  const alive = startMayfly(["serve", "--port", "0", "--data", join(folder, "alive")])
  t.after(() => alive.child.kill("SIGKILL"))
  await alive.output(/serving at/)
  writeFileSync(join(theirs, "lock"), readFileSync(join(folder, "alive", "lock")))
  const set = await mayfly(["secrets", "set", "TOKEN", "--data", theirs], { input: value })
  assert.deepEqual([set.code, calls], [2, 0])
  assert.match(set.stderr, /is not this user's/)
})

test("a data directory whose path is too long for a socket is refused in words", async () => {
  const { code, stderr } = await mayfly(["serve", "--port", "0", "--data", join(folder, "x".repeat(110))])
  assert.equal(code, 2)
  assert.match(stderr, /the data directory's path ".*" is too long: a socket in it needs one of at most 96 bytes/)
})
