import assert from "node:assert/strict"
import { after, test } from "node:test"
import { createPlatform, DynamicWorker } from "@mayfly/platform"

const platform = await createPlatform({ hosts: 1, spare: false })
after(() => platform.dispose())

const worker = async (script: string, options: object = {}): Promise<DynamicWorker> =>
  DynamicWorker.create({ script, platform, ...options })

/** Puts and matches as the input says; gives what each step gave. */
const steps = `const plain = async (r) => r === undefined ? null : { status: r.status, headers: Object.fromEntries(r.headers), body: await r.text() }
  export default async (input) => {
    const results = []
    for (const [op, request, options = {}, cacheName] of input) {
      const cache = cacheName === undefined ? caches.default : await caches.open(cacheName)
      const asked = typeof request === "string" ? request : new Request(request.url, request)
      try {
        if (op === "put") results.push(await cache.put(asked, new Response(options.body ?? "body", options)) ?? "put")
        else if (op === "match") results.push(await plain(await cache.match(asked, options)))
        else results.push(await cache.delete(asked, options))
      } catch (error) { results.push(error.name + ": " + error.message + (error.code ? " " + error.code : "")) } }
    return results }`

const url = "https://a.b/c"
const hour = { headers: { "cache-control": "max-age=3600" } }

interface Plain {
  readonly status: number
  readonly headers: Record<string, string>
  readonly body: string
}

test("what one run puts, a later run of the worker matches, until it is deleted", async () => {
  const cached = await worker(steps)
  assert.deepEqual(
    await cached.run([
      ["match", url],
      ["put", url, { ...hour, status: 201, body: "kept" }],
    ]),
    [null, "put"],
  )
  const [found, other, deleted, again, gone] = (await cached.run([
    ["match", `${url}#fragment`],
    ["match", "https://a.b/d"],
    ["delete", url],
    ["delete", url],
    ["match", url],
  ])) as [Plain, null, boolean, boolean, null]
  assert.deepEqual(
    { ...found, headers: { ...found.headers, age: Number(found.headers["age"]) < 60 } },
    {
      status: 201,
      headers: {
        age: true,
        "cache-control": "max-age=3600",
        "cf-cache-status": "HIT",
        "content-type": "text/plain;charset=UTF-8",
      },
      body: "kept",
    },
  )
  assert.deepEqual([other, deleted, again, gone], [null, true, false, null])
})

test("caches with different names, workers and tenants share nothing", async () => {
  const [one, two, three] = await Promise.all([worker(steps), worker(steps), worker(steps, { tenant: "other" })])
  await one.run([["put", url, hour]])
  const all = [
    ["match", url],
    ["match", url, {}, "default"],
    ["match", url, {}, ""],
    ["match", url, {}, "x"],
  ]
  assert.deepEqual(
    ((await one.run(all)) as unknown[]).map((found) => found !== null),
    [true, false, false, false],
  )
  assert.deepEqual(
    [await two.run(all), await three.run(all)],
    Array.from({ length: 2 }, () => [null, null, null, null]),
  )
})

test("only what its headers permit is kept", async () => {
  const kept = async (init: object, request: unknown = url): Promise<boolean> => {
    const cached = await worker(steps)
    const [, found] = (await cached.run([
      ["put", request, init],
      ["match", url],
    ])) as unknown[]
    return found !== null
  }
  const control = (value: string, more: object = {}): object => ({ headers: { "cache-control": value, ...more } })
  const cases: readonly (readonly [object, boolean])[] = [
    [{}, true],
    [{ status: 404 }, true],
    [{ status: 500 }, false],
    [{ status: 500, ...control("max-age=60") }, true],
    [control("no-store"), false],
    [control("private"), false],
    [control("max-age=0"), false],
    [control("s-maxage=0, max-age=60"), false],
    [control("max-age=0, s-maxage=60"), true],
    [control("public"), true],
    [{ headers: { expires: new Date(Date.now() + 60_000).toUTCString() } }, true],
    [{ headers: { expires: new Date(Date.now() - 60_000).toUTCString() } }, false],
    [{ headers: { "set-cookie": "a=1" } }, false],
    [control("max-age=60", { "set-cookie": "a=1" }), false],
    [control("private=Set-Cookie, max-age=60", { "set-cookie": "a=1" }), true],
  ]
  for (const [init, expected] of cases) assert.equal(await kept(init), expected, JSON.stringify(init))
  const authorized = { url, headers: { authorization: "Bearer x" } }
  assert.deepEqual(
    [await kept(hour, authorized), await kept({}, authorized), await kept(control("public, max-age=60"), authorized)],
    [false, false, true],
  )
})

test("private=set-cookie keeps the response without its cookie", async () => {
  const cached = await worker(steps)
  const headers = { "cache-control": "private=Set-Cookie, max-age=60", "set-cookie": "a=1" }
  const [, found] = (await cached.run([
    ["put", url, { headers }],
    ["match", url],
  ])) as [string, Plain]
  assert.equal("set-cookie" in found.headers, false)
})

test("put refuses what Cloudflare refuses, match and delete look at GET only unless told otherwise", async () => {
  const cached = await worker(steps)
  assert.deepEqual(
    await cached.run([
      ["put", { url, method: "POST" }, hour],
      ["put", url, { ...hour, status: 206 }],
      ["put", url, { headers: { vary: "accept, *" } }],
      ["put", "data:text/plain,x", hour],
      ["put", url, hour],
      ["match", { url, method: "POST" }],
      ["delete", { url, method: "POST" }],
      ["delete", { url, method: "POST" }, { ignoreMethod: true }],
    ]),
    [
      "TypeError: Cannot cache response to non-GET request.",
      "TypeError: Cannot cache response to a range request (206 Partial Content).",
      "TypeError: Cannot cache response with 'Vary: *' header.",
      "TypeError: Invalid URL. Cache API keys must be fully-qualified http: or https: URLs.",
      "put",
      null,
      false,
      true,
    ],
  )
  const [, found] = (await cached.run([
    ["put", url, hour],
    ["match", { url, method: "HEAD" }, { ignoreMethod: true }],
  ])) as [string, Plain]
  assert.equal(found.status, 200)
})

test("Vary keeps answers apart", async () => {
  const cached = await worker(steps)
  const asked = (language: string): object => ({ url, headers: { "accept-language": language } })
  const given = (body: string): object => ({
    body,
    headers: { "cache-control": "max-age=60", vary: "Accept-Language" },
  })
  const results = (await cached.run([
    ["put", asked("de"), given("hallo")],
    ["put", asked("en"), given("hello")],
    ["match", asked("de")],
    ["match", asked("en")],
    ["match", asked("fr")],
    ["put", asked("de"), given("servus")],
    ["match", asked("de")],
    ["match", asked("en")],
  ])) as (Plain | null | string)[]
  assert.deepEqual(
    results.map((result) => (typeof result === "object" && result !== null ? result.body : result)),
    ["put", "put", "hallo", "hello", null, "put", "servus", "hello"],
  )
})

test("conditions give 304, ranges 206 or 416", async () => {
  const cached = await worker(steps)
  const modified = new Date(Date.now() - 60_000).toUTCString()
  await cached.run([
    [
      "put",
      url,
      { body: "0123456789", headers: { "cache-control": "max-age=60", etag: '"v1"', "last-modified": modified } },
    ],
  ])
  const cases: readonly (readonly [Record<string, string>, unknown[]])[] = [
    [{ "if-none-match": '"v1"' }, [304, "", undefined]],
    [{ "if-none-match": 'W/"v1", "x"' }, [304, "", undefined]],
    [{ "if-none-match": "*" }, [304, "", undefined]],
    [{ "if-none-match": '"v2"', "if-modified-since": new Date().toUTCString() }, [200, "0123456789", undefined]],
    [{ "if-modified-since": new Date().toUTCString() }, [304, "", undefined]],
    [{ "if-modified-since": new Date(0).toUTCString() }, [200, "0123456789", undefined]],
    [{ range: "bytes=2-4" }, [206, "234", "bytes 2-4/10"]],
    [{ range: "bytes=7-" }, [206, "789", "bytes 7-9/10"]],
    [{ range: "bytes=-3" }, [206, "789", "bytes 7-9/10"]],
    [{ range: "bytes=5-99" }, [206, "56789", "bytes 5-9/10"]],
    [{ range: "bytes=10-" }, [416, "", "bytes */10"]],
    [{ range: "bytes=1-2,4-5" }, [200, "0123456789", undefined]],
    [{ range: "lines=1-2" }, [200, "0123456789", undefined]],
  ]
  for (const [headers, expected] of cases) {
    const [found] = (await cached.run([["match", { url, headers }]])) as [Plain]
    assert.deepEqual([found.status, found.body, found.headers["content-range"]], expected, JSON.stringify(headers))
  }
})

test("an entry ends when its time is over", async () => {
  const cached = await worker(
    `export default async () => {
    const cache = caches.default, url = "https://a.b/c"
    await cache.put(url, new Response("x", { headers: { "cache-control": "max-age=1" } }))
    for (let n = 0; ; n++) {
      if (await cache.match(url) === undefined) return n > 0
      await new Promise((done) => setTimeout(done, 50)) } }`,
    { limits: { subRequests: 1_000 } },
  )
  assert.equal(await cached.run(), true)
})

test("bodies stream into the cache and out of it, whole", async () => {
  const cached = await worker(`export default async () => {
    let n = 0
    const body = new ReadableStream({ pull(c) { if (n === 40) return c.close(); c.enqueue(new Uint8Array(50_000).fill(n++)) } })
    await caches.default.put("https://a.b/c", new Response(body))
    const reader = (await caches.default.match("https://a.b/c")).body.getReader()
    let size = 0, sum = 0
    for (let next = await reader.read(); !next.done; next = await reader.read()) { size += next.value.length; for (const b of next.value) sum += b }
    return [size, sum] }`)
  assert.deepEqual(await cached.run(), [2_000_000, 39 * 20 * 50_000])
})

test("the response of a fetch and a put of a clone work as in Cloudflare's examples", async () => {
  const cached = await worker(
    `export default { async fetch(request, env, ctx) {
    const cache = caches.default
    let response = await cache.match(request)
    if (response) return response
    response = new Response("made " + await env.make(), { headers: { "Cache-Control": "s-maxage=10" } })
    ctx.waitUntil(cache.put(request, response.clone()))
    return response } }`,
    {
      env: {
        make: (() => {
          let n = 0
          return () => ++n
        })(),
      },
    },
  )
  const ask = async (): Promise<string[]> => {
    const response = await cached.fetch("https://a.b/c")
    return [await response.text(), String(response.headers.get("cf-cache-status"))]
  }
  assert.deepEqual(
    [await ask(), await ask()],
    [
      ["made 1", "null"],
      ["made 1", "HIT"],
    ],
  )
})

test("calls count as requests, and not as calls of bindings", async () => {
  const cached = await worker(steps)
  const { usage } = await cached.execute([
    ["put", url, hour],
    ["match", url],
    ["delete", url],
  ])
  assert.deepEqual([usage.subRequests, usage.bindingCalls], [3, 0])
  const run = await cached.execute(
    [
      ["match", url],
      ["match", url],
    ],
    { limits: { subRequests: 1 } },
  )
  assert.equal(run.ok ? "ok" : run.error.code, "worker.subrequest-limit")
})

test("the rest of the Cache interface says that it is not there", async () => {
  const cached = await worker(`export default async () => {
    const attempt = async (f) => { try { return await f() } catch (e) { return e.name } }
    return [await attempt(() => caches.default.keys()), await attempt(() => caches.default.addAll([])), await attempt(() => new Cache("x")),
      await attempt(() => new CacheStorage()), caches.default === caches.default, String(caches), String(caches.default),
      await attempt(() => caches.default.put("https://a.b/", "x"))] }`)
  assert.deepEqual(await cached.run(), [
    "Error",
    "Error",
    "TypeError",
    "TypeError",
    true,
    "[object CacheStorage]",
    "[object Cache]",
    "TypeError",
  ])
})

test("a disposed worker keeps nothing", async () => {
  const cached = await worker(steps)
  await cached.run([["put", url, { ...hour, body: "x".repeat(1_000) }]])
  const before = platform.runtime.cacheBudget.bytes
  await cached.dispose()
  assert.ok(platform.runtime.cacheBudget.bytes <= before - 1_000)
})
