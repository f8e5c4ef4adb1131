import assert from "node:assert/strict"
import { after, test } from "node:test"
import { createPlatform, DynamicWorker } from "@mayfly/platform"

const platform = await createPlatform({ hosts: 1, spare: false })
after(() => platform.dispose())

const worker = async (script: string, options: object = {}): Promise<DynamicWorker> =>
  DynamicWorker.create({ script, platform, ...options })

test("worker.fetch calls the handler with method, headers and body", async () => {
  const echo = await worker(`export default { async fetch(request, env, ctx) {
    return new Response(request.method + " " + await request.text(), { status: 201, headers: [["x-sent", request.headers.get("x-sent")], ["set-cookie", "a=1"], ["set-cookie", "b=2"]] })
  } }`)
  const response = await echo.fetch("https://a.b/c", {
    method: "PUT",
    body: "text",
    headers: { "x-sent": "ü".normalize() === "ü" ? "1" : "" },
  })
  assert.deepEqual(
    [response.status, await response.text(), response.headers.get("x-sent"), response.headers.getSetCookie()],
    [201, "PUT text", "1", ["a=1", "b=2"]],
  )
})

test("worker.fetch streams the response while the handler writes it", async () => {
  const counting = await worker(`export default { fetch: () => new Response(new ReadableStream({
    async start(c) { for (const n of [1, 2, 3]) { c.enqueue(new TextEncoder().encode(n + "\\n")); await new Promise((d) => setTimeout(d, 20)) } c.close() } })) }`)
  const response = await counting.fetch("https://a.b/")
  const chunks: string[] = []
  for await (const chunk of response.body ?? []) chunks.push(Buffer.from(chunk as Uint8Array).toString())
  assert.ok(chunks.length > 1, "it came in pieces")
  assert.equal(chunks.join(""), "1\n2\n3\n")
})

test("worker.fetch streams the request as the handler reads it, with back-pressure", async () => {
  const first = await worker(`export default { async fetch(request) {
    const reader = request.body.getReader(); const { value } = await reader.read(); await reader.cancel("enough")
    return new Response(String(value[0])) } }`)
  let pulled = 0
  const body = new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(64 << 10).fill(++pulled)) })
  const response = await first.fetch("https://a.b/", { method: "POST", body, duplex: "half" } as RequestInit)
  assert.equal(await response.text(), "1")
  assert.ok(pulled < 50, `${pulled} chunks were pulled for one`)
})

test("worker.fetch tells the handler when the caller cancels the body", async () => {
  let cancelled: (() => void) | undefined
  const wasCancelled = new Promise<void>((resolve) => (cancelled = resolve))
  const endless = await worker(
    `export default { fetch: (request, env) => new Response(new ReadableStream({
      pull: (c) => c.enqueue(new Uint8Array(10)), cancel: () => env.cancelled() })) }`,
    { env: { cancelled: () => cancelled?.() } },
  )
  const response = await endless.fetch("https://a.b/")
  await response.body?.cancel()
  await wasCancelled
})

test("a response body that never ends is stopped by the limits, and its reader gets the coded error", async () => {
  const endless = await worker(
    "export default { fetch: () => new Response(new ReadableStream({ pull: (c) => c.enqueue(new Uint8Array(1000)) })) }",
    {
      limits: { outputBytes: 50_000 },
    },
  )
  const response = await endless.fetch("https://a.b/")
  await assert.rejects(response.arrayBuffer(), { code: "worker.output-limit" })
  const run = await endless.executeRequest(new Request("https://a.b/"))
  assert.equal(run.ok ? "ok" : run.error.code, "worker.output-limit")
})

test("a body fails with the run's own error", async () => {
  const looping = await worker(
    "export default { fetch: () => new Response(new ReadableStream({ start(c) { c.enqueue(new Uint8Array(9)) }, pull() { for (;;); } })) }",
    {
      limits: { cpuMs: 50 },
    },
  )
  const response = await looping.fetch("https://a.b/")
  await assert.rejects(response.arrayBuffer(), { code: "worker.cpu-limit" })
})

test("waitUntil work goes on after the response and the run waits for it", async () => {
  const seen: unknown[] = []
  const background = await worker(
    "export default { fetch(request, env, ctx) { ctx.waitUntil((async () => { await new Promise((d) => setTimeout(d, 10)); await env.done(1) })()); return new Response('x') } }",
    { env: { done: (n: number) => seen.push(n) } },
  )
  assert.equal(await (await background.fetch("https://a.b/")).text(), "x")
  assert.deepEqual(seen, [1])
})

test("executeRequest gives the whole answer of a streaming handler", async () => {
  const counting = await worker(
    "export default { fetch: () => new Response(new ReadableStream({ start(c) { c.enqueue(new TextEncoder().encode('ab')); c.enqueue(new TextEncoder().encode('c')); c.close() } }), { headers: { a: 'b' } }) }",
  )
  const run = await counting.executeRequest(new Request("https://a.b/"))
  assert.deepEqual(run.ok && run.result, { status: 200, headers: { a: "b" }, body: "abc" })
})

test("a response streams without a wall limit, too", async () => {
  const body = `new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(1_000)); if (++count > 5) c.close() } })`
  const endless = await worker(`export default { fetch() { let count = 0; return new Response(${body}) } }`, {
    limits: { wallMs: null },
  })
  assert.equal((await (await endless.fetch("https://a.b/")).bytes()).length, 6_000)
})

test("requests with bodies that stream wait for a lane and may be moved to another one", async () => {
  const busy = await worker("export default () => { for (const until = Date.now() + 60; Date.now() < until;); }")
  const echo = await worker("export default { async fetch(request) { return new Response(await request.text()) } }")
  const long = [busy.run(), busy.run()]
  const written = Promise.all(long)
  const answers = Array.from({ length: 6 }, async (_, at) => {
    const body = new ReadableStream<Uint8Array>({
      async pull(c) {
        // Later than any small body that goes along whole.
        await written
        c.enqueue(Buffer.from(`body ${at}`))
        c.close()
      },
    })
    return (await echo.fetch("https://a.b/", { method: "POST", body, duplex: "half" })).text()
  })
  assert.deepEqual(
    await Promise.all(answers),
    Array.from({ length: 6 }, (_, at) => `body ${at}`),
  )
})
