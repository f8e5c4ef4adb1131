import assert from "node:assert/strict"
import { once } from "node:events"
import { connect } from "node:net"
import { after, test } from "node:test"
import { createPlatform } from "@mayfly/platform"
import { createKey, hashKey, listen, startServer } from "@mayfly/server"
import {
  type Document,
  type Operation,
  operationsOf,
  pathOf as pathFor,
  resolve,
  sampleOf,
  type Schema,
  typesOf,
  isBridge,
} from "./open-api.ts"
import { sample } from "../attacks/sample.ts"

const platform = await createPlatform({ hosts: 1, spare: false })
const key = createKey()
const logged: { readonly level: string }[] = []
const listener = await listen({ port: 0, host: "127.0.0.1" })
const { url, port, stop } = startServer(listener, {
  platform,
  keyHashes: [hashKey(key)],
  maxBodyBytes: 200_000,
  bodyTimeoutMs: 300,
  log: (entry) => void logged.push(entry),
})
after(async () => {
  await stop()
  await platform.dispose()
})

const authorization = `Bearer ${key}`

interface Answer {
  readonly status: number
  readonly code: string | undefined
  readonly path: unknown
  readonly text: string
}

async function ask(method: string, path: string, body?: unknown): Promise<Answer> {
  const given = body === undefined ? {} : { body: isRaw(body) ? body : JSON.stringify(body) }
  const response = await fetch(`${url}${path}`, { method, headers: { authorization }, ...given })
  return answerOf(response.status, await response.text())
}

function isRaw(body: unknown): body is string | Buffer<ArrayBuffer> {
  return typeof body === "string" || Buffer.isBuffer(body)
}

interface ErrorJson {
  readonly code?: string
  readonly details?: { readonly path?: unknown }
}

function answerOf(status: number, text: string): Answer {
  if (status < 400) return { status, code: undefined, path: undefined, text }
  const { error, mayfly } = JSON.parse(text) as { error: ErrorJson; mayfly?: ErrorJson }
  // The bridge has a shape of its own; ours is beside it.
  const { code, details } = mayfly ?? error
  return { status, code, path: details?.path, text }
}

/** A refusal that is documented, whatever was sent: no crash, and no code that a client can't know of. */
function isCoded({ status, code, text }: Answer, { codes }: Operation, what: string): void {
  if (status < 400) return
  assert.ok(codes.get(status)?.includes(code ?? "") === true, `${what}: ${status} ${code} is not documented\n${text}`)
}

const document = JSON.parse((await ask("GET", "/v1/openapi.json")).text) as Document
const operations = operationsOf(document).filter((operation) => !isBridge(operation))
/** MCP has answers of its own to what is not its protocol; mcp.test.ts has them. */
const withBody = operations.filter(({ body, path }) => body !== undefined && path !== "/mcp")
const nameOf = ({ method, path }: Operation): string => `${method} ${path}`
const fieldsOf = ({ body }: Operation): [string, Schema][] =>
  Object.entries(resolve(body ?? {}, document).properties ?? {})

const steps = [{ name: "wait", waitForEvent: "go" }]
assert.equal((await ask("POST", "/v1/workflows", { id: "mine", steps })).status, 200)
assert.equal((await ask("POST", "/v1/sandboxes", { id: "mine" })).status, 201)

const pathOf = (operation: Operation): string => pathFor(operation, { id: "mine", path: "a.txt" })

test("bodies that are no JSON object, and larger ones than allowed, are refused on every route", async () => {
  const bad: readonly (string | Buffer<ArrayBuffer>)[] = [
    '{"a":',
    "[]",
    '"text"',
    "null",
    "1",
    Buffer.from([0x7b, 0xff, 0x7d]),
    `${"[".repeat(50_000)}`,
  ]
  for (const operation of withBody) {
    for (const body of bad) {
      const answer = await ask(operation.method, pathOf(operation), body)
      const what = `${nameOf(operation)} ${body.toString("latin1").slice(0, 20)}`
      assert.deepEqual([answer.status, answer.code], [400, "input.invalid"], what)
    }
    const large = await ask(operation.method, pathOf(operation), { a: "x".repeat(200_000) })
    assert.deepEqual([large.status, large.code], [413, "server.too-large"], nameOf(operation))
  }
})

test("fields that no route knows are refused by name", async () => {
  for (const operation of withBody) {
    const sample = sampleOf(operation.body ?? {}, document) as object
    const answer = await ask(operation.method, pathOf(operation), { ...sample, notAField: 1 })
    assert.deepEqual([answer.status, answer.code, answer.path], [400, "input.invalid", "notAField"], nameOf(operation))
  }
})

const values: readonly unknown[] = [1.5, "", "\0", true, null, [], {}, [null], { $bigint: "1" }, -1, 1e308]

/** All of them in http-bad-input.full.test.ts. */
const some = <Item>(items: readonly Item[], count: number): readonly Item[] =>
  process.env["MAYFLY_ALL_BAD_INPUT"] === undefined ? sample(items, count) : items

const wrongValues = withBody.flatMap((operation) =>
  fieldsOf(operation).flatMap(([name, schema]) => values.map((value) => ({ operation, name, schema, value }))),
)

test("fields of wrong types are refused, and none of any value is a failure of ours", async () => {
  let count = 0
  for (const { operation, name, schema, value } of some(wrongValues, 400)) {
    const beside = sampleWithout(operation, name)
    const answer = await ask(operation.method, pathOf(operation), { ...beside, [name]: value })
    const what = `${nameOf(operation)} ${name}=${JSON.stringify(value)}`
    isCoded(answer, operation, what)
    const allowed = typesOf(schema, document)
    if (allowed === undefined || allowed.has(jsonTypeOf(value))) continue
    assert.deepEqual([answer.status, answer.code], [400, "input.invalid"], what)
    // Or one that can't stand beside the field.
    const [field = ""] = /^\w+/.exec(String(answer.path)) ?? []
    assert.ok([name, ...Object.keys(beside)].includes(field), `${what}: ${String(answer.path)}`)
    count += 1
  }
  assert.ok(count > 100, String(count))
})

/** Not with what can't stand beside the field. */
function sampleWithout({ body }: Operation, name: string): object {
  const { script, input, ...rest } = sampleOf(body ?? {}, document) as Record<string, unknown>
  if (name === "request") return { script, ...rest }
  return name === "modules" || script === undefined ? rest : { script, input, ...rest }
}

function jsonTypeOf(value: unknown): string {
  if (value === null) return "null"
  return Array.isArray(value) ? "array" : typeof value
}

test("parameters that are unknown, given twice or of wrong types are refused by name", async () => {
  // The query of a named worker's handler is its own.
  for (const operation of operations.filter(({ isOpen, path }) => !isOpen && !path.includes("/fetch/"))) {
    const { method, query } = operation
    const body = operation.body === undefined ? undefined : sampleOf(operation.body, document)
    const refused = async (search: string, name: string): Promise<void> => {
      const { status, code, path } = await ask(method, `${pathOf(operation)}?${search}`, body)
      assert.deepEqual([status, code, path], [400, "input.invalid", name], `${nameOf(operation)}?${search}`)
    }
    const needed = query.filter(({ required }) => required).map(({ name }) => `${name}=sample&`)
    await refused(`${needed.join("")}notAParameter=1`, "notAParameter")
    await refused(`${needed.join("")}__proto__=1`, "__proto__")
    for (const { name, schema } of query) {
      await refused(`${name}=1&${name}=1`, name)
      const types = typesOf(schema, document)
      if (types !== undefined && !types.has("string")) await refused(`${needed.join("")}${name}=x%00`, name)
    }
  }
})

const long = "a".repeat(5_000)
const tricks = ["..", "%2e%2e", "%2E%2E%2Fkeys", "%2f", "%00", "%", "%ff", long, "..;", "%252e", " ", "a%0d%0ab"]
const named = operations.filter(({ path }) => path.includes("{"))
const trickPaths = named.flatMap((operation) => tricks.map((trick) => ({ operation, trick })))

test("tricks in paths are answered with codes", async () => {
  for (const { operation, trick } of some(trickPaths, 150)) {
    const body = operation.body === undefined ? "" : JSON.stringify(sampleOf(operation.body, document))
    const target = operation.path.replaceAll(/\{\w+\}/g, trick)
    const line = `${operation.method} ${target} HTTP/1.1`
    const { status, text } = await raw(line, [`authorization: ${authorization}`], body)
    const what = `${line.slice(0, 80)}: ${status} ${text.slice(0, 300)}`
    // Dots lead to another path before anybody looks; that one asks for its own scope.
    assert.ok(status < 500 && (status >= 400 || /^(?:\.\.|%2e%2e)/i.test(trick)), what)
    if (status >= 400 && text.startsWith("{")) assert.match(text, /"code":"[a-z]+\.[a-z-]+"/, what)
    // Without a key they lead nowhere either.
    const closed = await raw(line, [], body)
    assert.ok(operation.isOpen || [400, 401].includes(closed.status), `${what} without a key: ${closed.status}`)
  }
})

test("requests that are no HTTP, or whose headers are too many, get a code", async () => {
  const flood = Array.from({ length: 400 }, (_, n) => `x-flood-${n}: ${"x".repeat(40)}`)
  for (const [line, headers, expected] of [
    ["GET /v1/workflows HTTP/1.1", flood, [431, "server.headers-too-large"]],
    [`GET /v1/workflows?tenant=${"x".repeat(20_000)} HTTP/1.1`, [], [431, "server.headers-too-large"]],
    ["GET /v1/workflows SMTP/1.1", [], [400, "input.invalid"]],
    ["GET /v1/workflows HTTP/1.1", ["no colon here"], [400, "input.invalid"]],
    ["POST /v1/run HTTP/1.1", ["content-length: 5", "transfer-encoding: chunked"], [400, "input.invalid"]],
  ] as const) {
    const { status, head, text } = await raw(line, headers)
    assert.deepEqual([status, answerOf(status, text).code], expected, line.slice(0, 60))
    // Also of what never reached the app.
    for (const guard of ["x-content-type-options: nosniff", "x-frame-options: DENY", "cache-control: no-store"])
      assert.ok(head.includes(guard), head)
  }
  const many = Array.from({ length: 300 }, (_, n) => `a${n}: b`)
  assert.equal((await raw("GET /healthz HTTP/1.1", many)).status, 200)
})

test("a body that stops to come is given up, and its connection", async () => {
  for (const [line, type] of [
    ["POST /v1/run HTTP/1.1", "application/json"],
    ["PUT /v1/sandboxes/mine/files/slow.txt HTTP/1.1", "application/octet-stream"],
  ] as const) {
    const headers = [`authorization: ${authorization}`, `content-type: ${type}`, "content-length: 100"]
    const { status, text } = await raw(line, headers, '{"script":', false)
    assert.deepEqual([status, answerOf(status, text).code], [408, "server.body-timeout"], line)
  }
  assert.equal((await ask("GET", "/v1/sandboxes/mine/files/slow.txt")).status, 404)
})

test("nothing of all that was a failure of ours", () => {
  assert.deepEqual(
    logged.filter(({ level }) => level === "error"),
    [],
  )
})

/** Writes what no client library would, and reads until the server hangs up. */
async function raw(
  line: string,
  headers: readonly string[],
  body = "",
  isWhole = true,
): Promise<{ readonly status: number; readonly head: string; readonly text: string }> {
  const socket = connect(port, "127.0.0.1")
  let received = ""
  socket.setEncoding("utf8").on("data", (chunk: string) => (received += chunk))
  socket.on("error", () => {})
  const length = body !== "" && isWhole ? [`content-length: ${Buffer.byteLength(body)}`] : []
  const host = `host: 127.0.0.1:${port}`
  socket.write(`${[line, host, "connection: close", ...length, ...headers].join("\r\n")}\r\n\r\n${body}`)
  await once(socket, "close")
  const [head = "", ...rest] = received.split("\r\n\r\n")
  return { status: Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0), head, text: rest.join("\r\n\r\n") }
}
