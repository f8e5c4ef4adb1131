import assert from "node:assert/strict"
import { createHmac } from "node:crypto"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, test } from "node:test"
import { type MayflyProcess, startMayfly } from "./mayfly-process.ts"
import { follow, type SentEvent } from "./sent-events.ts"

const timeout = 60_000
const data = mkdtempSync(join(tmpdir(), "mayfly-workflows-http-"))
const started: MayflyProcess[] = []
after(() => {
  for (const { child } of started) child.kill("SIGKILL")
  rmSync(data, { recursive: true, force: true })
})

let server = await serve()
const [, key = ""] = await server.output(/admin key: (mf_\S+)/)
let url = await urlOf(server)

async function serve(): Promise<MayflyProcess> {
  const process = startMayfly(["serve", "--port", "0", "--data", data])
  started.push(process)
  return process
}

async function urlOf(process: MayflyProcess): Promise<string> {
  return (await process.output(/serving at (\S+)/))[1] ?? ""
}

interface Shown {
  readonly id: string
  readonly status: string
  readonly output?: unknown
  readonly waits: readonly {
    readonly step: string
    readonly type: string
    readonly token: string
    readonly hook: string
    readonly prompt?: string
  }[]
}

interface Failure {
  readonly error: { readonly code: string; readonly message: string; readonly details: { readonly path?: string } }
}

interface Answer<T> {
  readonly status: number
  readonly body: T
}

async function call<T = Shown>(method: string, path: string, body?: unknown): Promise<Answer<T>> {
  const given = body === undefined ? {} : { body: JSON.stringify(body) }
  const response = await fetch(`${url}/v1${path}`, { method, headers: { authorization: `Bearer ${key}` }, ...given })
  const text = await response.text()
  return { status: response.status, body: (text === "" ? undefined : JSON.parse(text)) as T }
}

async function codeOf(method: string, path: string, body?: unknown): Promise<[number, string]> {
  const answer = await call<Failure>(method, path, body)
  return [answer.status, answer.body?.error?.code]
}

async function allOf(events: AsyncIterable<SentEvent>): Promise<SentEvent[]> {
  const all: SentEvent[] = []
  for await (const event of events) all.push(event)
  return all
}

/** Follows until an event is as wanted, or the end. */
async function until(id: string, isWanted: (data: Record<string, unknown>) => boolean): Promise<void> {
  for await (const { data: entry } of follow(`${url}/v1/workflows/${id}/events`, key)) {
    if (isWanted(entry as Record<string, unknown>)) return
  }
}

async function ended(id: string): Promise<Shown> {
  await until(id, () => false)
  return (await call("GET", `/workflows/${id}`)).body
}

const waits = [
  { name: "<b>Pay & go?</b>", waitForEvent: "decision", timeout: "7 days" },
  { name: "pay", code: "(input) => input.answer", input: { answer: { $from: "<b>Pay & go?</b>", path: "payload" } } },
]

/** Created, and waiting for its event. */
async function waiting(id: string): Promise<Shown> {
  await call("POST", "/workflows", { id, steps: waits })
  await until(id, ({ step, phase }) => step !== undefined && phase === "start")
  return (await call("GET", `/workflows/${id}`)).body
}

test("a workflow of code runs, with rich values both ways", { timeout }, async () => {
  const steps = [
    {
      name: "add",
      code: "({ n, at }) => ({ sum: n + 1n, at })",
      input: { n: { $bigint: "1" }, at: { $date: "2026-01-01T00:00:00.000Z" } },
    },
  ]
  const created = await call("POST", "/workflows", { id: "rich", steps, params: { $map: [[1, 2]] } })
  assert.deepEqual([created.status, created.body.id], [200, "rich"])
  const output = { sum: { $bigint: "2" }, at: { $date: "2026-01-01T00:00:00.000Z" } }
  assert.deepEqual((await ended("rich")).output, output)
  const again = await call("POST", "/workflows", { id: "rich", steps, params: { $map: [[1, 2]] } })
  assert.deepEqual([again.status, again.body.status], [200, "complete"])
  assert.deepEqual(await codeOf("POST", "/workflows", { id: "rich", steps: waits }), [409, "workflow.exists"])
  const history = await call<{ history: { phase?: string; what?: string; output?: unknown }[]; cursor?: string }>(
    "GET",
    "/workflows/rich/history?limit=1",
  )
  assert.equal(history.body.history.length, 1)
  const rest = await call<{ history: { what?: string }[]; cursor?: string }>(
    "GET",
    `/workflows/rich/history?cursor=${history.body.cursor}`,
  )
  assert.deepEqual([rest.body.history.at(-1)?.what, rest.body.cursor], ["complete", undefined])
})

test("a script runs, and events go on behind Last-Event-ID", { timeout }, async () => {
  const script = `export default { async run(event, step) {
    const a = await step.do("a", async () => event.payload.by)
    await step.sleep("nap", 1)
    return a * 2
  } }`
  const { body } = await call("POST", "/workflows", { script, params: { by: 4 } })
  const all = await allOf(follow(`${url}/v1/workflows/${body.id}/events`, key))
  assert.deepEqual([all.at(-1)?.event, (all.at(-1)?.data as Shown | undefined)?.output], ["end", 8])
  const rest = await allOf(follow(`${url}/v1/workflows/${body.id}/events`, key, all[0]?.id))
  assert.deepEqual(rest, all.slice(1))
})

test("events, pause, resume, terminate, restart and delete do what they say", { timeout }, async () => {
  await waiting("steer")
  assert.equal((await call("POST", "/workflows/steer/pause")).body.status, "paused")
  const event = { type: "decision", payload: { approved: { $bigint: "1" } }, eventId: "once" }
  assert.deepEqual((await call("POST", "/workflows/steer/events", event)).body, { isDuplicate: false })
  assert.deepEqual((await call("POST", "/workflows/steer/events", event)).body, { isDuplicate: true })
  assert.equal((await call("POST", "/workflows/steer/resume", {})).status, 200)
  assert.deepEqual((await ended("steer")).output, { approved: { $bigint: "1" } })
  assert.deepEqual(await codeOf("POST", "/workflows/steer/events", event), [409, "workflow.ended"])
  assert.equal((await call("POST", "/workflows/steer/restart", { from: "pay" })).status, 200)
  assert.deepEqual((await ended("steer")).output, { approved: { $bigint: "1" } })
  await waiting("stop")
  assert.equal((await call("POST", "/workflows/stop/terminate", { rollback: false })).body.status, "terminated")
  const page = await call<{ workflows: { id: string }[] }>("GET", "/workflows?status=terminated&limit=1")
  assert.deepEqual(
    page.body.workflows.map(({ id }) => id),
    ["stop"],
  )
  assert.equal((await call("DELETE", "/workflows/stop")).status, 204)
  assert.deepEqual(await codeOf("GET", "/workflows/stop"), [404, "workflow.not-found"])
})

test("wrong input is refused, naming the field, and nothing is stored", { timeout }, async () => {
  const before = await call("GET", "/workflows?tenant=strict")
  const step = { name: "a", code: "1" }
  const cases: [body: object, code: string, path?: string][] = [
    [{}, "input.invalid", "steps"],
    [{ id: "-x", steps: [step] }, "input.invalid", "id"],
    [{ steps: [] }, "input.invalid", "steps"],
    [{ steps: [step, step] }, "input.invalid", "steps[1].name"],
    [{ steps: [{ name: "a", run: "async () => 1" }] }, "input.invalid", "steps[0].run"],
    [{ steps: [{ name: "p", parallel: [{ name: "a", run: 1 }] }] }, "input.invalid", "steps[0].parallel[0].run"],
    [{ steps: [{ name: "a", sleep: "soon" }] }, "input.invalid", "steps[0].sleep"],
    [{ steps: [{ ...step, timeout: "-1 hour" }] }, "input.invalid", "steps[0].timeout"],
    [{ steps: [{ ...step, retires: 1 }] }, "input.invalid", "steps[0].retires"],
    [{ steps: [{ name: "a", code: "let let = 1" }] }, "worker.syntax"],
    [{ script: "export default { async run(event, step) { return ( } }" }, "worker.syntax"],
    [{ script: "export default {}", modules: { "a.wasm": { wasm: "?" } } }, "input.invalid"],
  ]
  for (const [body, code, path] of cases) {
    const answer = await call<Failure>("POST", "/workflows", { tenant: "strict", ...body })
    assert.equal(answer.body.error?.code, code, JSON.stringify([body, answer.body]))
    if (path !== undefined) assert.equal(answer.body.error.details.path, path)
  }
  assert.deepEqual(await codeOf("POST", "/workflows", { steps: [step], tenant: "" }), [400, "input.invalid"])
  assert.deepEqual((await call("GET", "/workflows?tenant=strict")).body, before.body)
  assert.match((await call<Failure>("POST", "/workflows", cases[4]?.[0])).body.error.message, /"code" instead/)
})

test("unknown ids, other tenants' instances and wrong queries are refused", { timeout }, async () => {
  await call("POST", "/workflows", { id: "theirs", tenant: "other", steps: waits })
  const event = { type: "decision" }
  const requests: [method: string, path: string, body?: object][] = [
    ["GET", "/workflows/theirs"],
    ["GET", "/workflows/theirs/history"],
    ["GET", "/workflows/theirs/events"],
    ["POST", "/workflows/theirs/events", event],
    ["POST", "/workflows/theirs/pause"],
    ["POST", "/workflows/theirs/terminate", {}],
    ["DELETE", "/workflows/theirs"],
    ["GET", "/workflows/nobody"],
  ]
  for (const request of requests)
    assert.deepEqual(await codeOf(...request), [404, "workflow.not-found"], JSON.stringify(request))
  assert.equal((await call("GET", "/workflows/theirs?tenant=other")).status, 200)
  assert.equal((await call("POST", "/workflows/theirs/pause", { tenant: "other" })).status, 200)
  const wrong: [method: string, path: string, body?: object][] = [
    ["GET", "/workflows?status=sleepy"],
    ["GET", "/workflows?limit=0"],
    ["GET", "/workflows?limit=x"],
    ["GET", "/workflows?cursor=x"],
    ["GET", "/workflows?colour=red"],
    ["GET", "/workflows/%2e%2e%2f"],
    ["GET", "/workflows/theirs/history?tenant=other&limit=1001"],
    ["GET", "/workflows/theirs/events?tenant=other&cursor=-1"],
    ["POST", "/workflows/theirs/events", { tenant: "other", type: "no spaces" }],
    ["POST", "/workflows/theirs/events", { tenant: "other" }],
    ["POST", "/workflows/theirs/terminate", { tenant: "other", rollback: "yes" }],
    ["POST", "/workflows/theirs/pause", { tenant: "other", why: 1 }],
  ]
  for (const request of wrong)
    assert.deepEqual(await codeOf(...request), [400, "input.invalid"], JSON.stringify(request))
})

test("a hook needs no key: GET asks, POST decides, once", { timeout }, async () => {
  const [wait] = (await waiting("hooked")).waits
  assert.equal(wait?.step, "<b>Pay & go?</b>")
  const link = `${url}${wait?.hook}`
  for (let looks = 0; looks < 2; looks++) {
    const page = await fetch(link)
    const text = await page.text()
    assert.equal(page.status, 200)
    assert.match(page.headers.get("content-type") ?? "", /^text\/html/)
    assert.match(page.headers.get("content-security-policy") ?? "", /^default-src 'none'; style-src 'sha256-/)
    assert.match(text, /&lt;b&gt;Pay &amp; go\?&lt;\/b&gt;/)
    assert.doesNotMatch(text, /<b>Pay|<script/)
  }
  assert.equal((await call("GET", "/workflows/hooked")).body.status, "waiting")
  const tooLarge = await fetch(link, { method: "POST", body: JSON.stringify("x".repeat(3 << 20)) })
  assert.deepEqual([tooLarge.status, ((await tooLarge.json()) as Failure).error.code], [413, "server.too-large"])
  const broken = await fetch(link, { method: "POST", body: "{" })
  assert.deepEqual([broken.status, ((await broken.json()) as Failure).error.code], [400, "input.invalid"])
  const foreign = await fetch(link, { method: "POST", body: "{}", headers: { origin: "https://evil.example" } })
  assert.equal(foreign.status, 403)
  const decided = await fetch(link, {
    method: "POST",
    body: JSON.stringify({ approved: true, at: { $date: "2026-01-01T00:00:00.000Z" } }),
  })
  assert.deepEqual([decided.status, await decided.json()], [200, { accepted: true }])
  assert.deepEqual((await ended("hooked")).output, { approved: true, at: { $date: "2026-01-01T00:00:00.000Z" } })
  const again = await fetch(link, { method: "POST", body: "{}" })
  assert.deepEqual([again.status, ((await again.json()) as Failure).error.code], [409, "workflow.hook-used"])
  assert.equal((await fetch(link)).status, 409)
})

test("a hook's form decides too, and tells a person", { timeout }, async () => {
  const [wait] = (await waiting("form")).waits
  const link = `${url}${wait?.hook}`
  const post = (): Promise<Response> =>
    fetch(link, {
      method: "POST",
      body: new URLSearchParams({ comment: "no, thanks", approved: "false" }),
      headers: { accept: "text/html", origin: url },
    })
  const answer = await post()
  assert.deepEqual([answer.status, /recorded/.test(await answer.text())], [200, true])
  assert.deepEqual((await ended("form")).output, { comment: "no, thanks", approved: false })
  const again = await post()
  assert.deepEqual([again.status, /does not work/.test(await again.text())], [409, true])
})

test("a hook that wants signed requests takes no others, and asks in words", { timeout }, async () => {
  const secret = "of the sender only"
  assert.equal((await call("PUT", "/secrets/GITHUB_HOOK", { value: secret })).status, 200)
  const script = `export default async (event, step) => {
    const push = await step.waitForEvent("push", { type: "push", signature: { scheme: "github", secret: "GITHUB_HOOK" } })
    const answer = await step.waitForEvent("ask", { type: "ask", prompt: "Deploy <main>?\\n" + push.payload.commit })
    return [push.payload, answer.payload]
  }`
  await call("POST", "/workflows", { id: "signed", script })
  await until("signed", ({ step, phase }) => step !== undefined && phase === "start")
  const [wait] = (await call("GET", "/workflows/signed")).body.waits
  const link = `${url}${wait?.hook}`
  const body = JSON.stringify({ commit: "c0ffee" })
  const send = async (text: string, key?: string): Promise<[number, string | undefined]> => {
    const signed =
      key === undefined
        ? {}
        : { "x-hub-signature-256": `sha256=${createHmac("sha256", key).update(body).digest("hex")}` }
    const answer = await fetch(link, { method: "POST", body: text, headers: signed })
    return [answer.status, ((await answer.json()) as Partial<Failure>).error?.code]
  }
  assert.doesNotMatch(await (await fetch(link)).text(), /<button/)
  const refused = [403, "workflow.hook-signature"]
  assert.deepEqual(await send(body), refused)
  assert.deepEqual(await send(body, "guessed"), refused)
  assert.deepEqual(await send(body.replace("c0ffee", "badc0d"), secret), refused)
  assert.equal((await call("GET", "/workflows/signed")).body.status, "waiting")
  assert.deepEqual(await send(body, secret), [200, undefined])
  assert.deepEqual(await send(body, secret), [409, "workflow.hook-used"])
  await until(
    "signed",
    ({ step, phase }) => (step as { name?: string } | undefined)?.name === "ask" && phase === "start",
  )
  const [question] = (await call("GET", "/workflows/signed")).body.waits
  assert.equal(question?.prompt, "Deploy <main>?\nc0ffee")
  const page = await (await fetch(`${url}${question?.hook}`)).text()
  assert.match(page, /<code>signed<\/code> asks[^]*Deploy &lt;main&gt;\?\nc0ffee/)
  await fetch(`${url}${question?.hook}`, { method: "POST", body: "true" })
  assert.deepEqual((await ended("signed")).output, [{ commit: "c0ffee" }, true])
})

test("unknown tokens are 404, and nothing else is open", { timeout }, async () => {
  for (const token of ["x", "a".repeat(43), "..%2fworkflows", "%00"]) {
    assert.equal((await fetch(`${url}/v1/hooks/${token}`)).status, 404, token)
    assert.equal((await fetch(`${url}/v1/hooks/${token}`, { method: "POST", body: "{}" })).status, 404, token)
  }
  for (const path of [
    "/v1/hooks",
    "/v1/hooks/",
    "/v1/hooks/a/b",
    "/v1/hooks/../workflows",
    "/v1/hooks//",
    "/v1/workflows",
  ]) {
    assert.equal((await fetch(`${url}${path}`)).status, 401, path)
  }
})

test("waiting instances, and links to them, outlive kill -9", { timeout }, async () => {
  const [wait] = (await waiting("kept")).waits
  server.child.kill("SIGKILL")
  await server.finished
  server = await serve()
  url = await urlOf(server)
  assert.equal((await call("GET", "/workflows/kept")).body.status, "waiting")
  const decided = await fetch(`${url}${wait?.hook}`, { method: "POST", body: `{"approved":true}` })
  assert.equal(decided.status, 200)
  assert.deepEqual((await ended("kept")).output, { approved: true })
})
