import assert from "node:assert/strict"
import { test } from "node:test"
import { createChunkGuest, sameAsNode } from "./chunk-guest.ts"

const failed = `const failed = (act) => { try { act(); return "no error" } catch (error) { return error.name } }`

test("Request has the properties of Node's", async () => {
  await using guest = await createChunkGuest(["fetch", "url", "streams"])
  await sameAsNode(
    guest,
    `const names = ["url", "method", "redirect", "cache", "credentials", "mode", "referrer", "referrerPolicy",
      "integrity", "keepalive", "destination", "duplex", "bodyUsed"]
    const show = async (request) => [names.map((name) => request[name]), [...request.headers],
      request.signal.aborted, request.body === null, await request.text()]
    const base = () => new Request("http://É.com/a b?c#d", { method: "post", body: "x", headers: { A: "1" },
      redirect: "manual", cache: "no-store", credentials: "omit", integrity: "i", keepalive: true })
    const from = base()
    const requests = [new Request("http://a"), base(), new Request(from), new Request(base(), { method: "PUT",
      body: "y", headers: { b: "2" } }), new Request(new URL("http://u/")),
      new Request("http://a", { method: "patch" }), new Request("http://a", null), new Request("http://a",
        { body: null, signal: null }), new Request({ toString: () => "http://o" }),
      new Request("http://a", { method: "DELETE", body: new URLSearchParams("a=b") }), base().clone()]
    return [await Promise.all(requests.map(show)), from.bodyUsed, Object.prototype.toString.call(from),
      Request.name]`,
  )
})

test("Request refuses what Node's refuses", async () => {
  await using guest = await createChunkGuest(["fetch", "url", "streams"])
  await sameAsNode(
    guest,
    `${failed}
    const used = new Request("http://a", { method: "POST", body: "x" }); await used.text()
    const stream = () => new ReadableStream({ start(c) { c.close() } })
    const locked = stream(); locked.getReader()
    const disturbed = stream(); await disturbed.cancel()
    const post = (body, more) => () => new Request("http://a", { method: "POST", body, ...more })
    return [() => new Request(), () => new Request("/relative"), () => new Request("http://u:p@a/"),
      () => new Request("http://a", { method: "a b" }), () => new Request("http://a", { method: "TRACE" }),
      () => new Request("http://a", { body: "x" }), () => new Request("http://a", { method: "HEAD", body: "" }),
        () => new Request("http://a", { redirect: "x" }), () => new Request("http://a", { signal: {} }),
      () => new Request("http://a", 5), () => new Request(used), () => new Request(used, { body: "new" }),
        () => used.clone(), post(stream()), post(stream(), { duplex: "half" }), post(locked, { duplex: "half" }),
      post(disturbed, { duplex: "half" }), () => new Request("http://a", { mode: "navigate" }),
        () => new Request("http://a", { headers: null }), () => new Request("http://a", { cache: "x" }),
      () => Reflect.get(Request.prototype, "url", {}), () => new Request(post("x")(),
        { method: "GET" })].map(failed)`,
  )
})

test("Request follows its signal", async () => {
  await using guest = await createChunkGuest(["fetch", "url"])
  await sameAsNode(
    guest,
    `const controller = new AbortController(); const request = new Request("http://a", { signal: controller.signal })
    const copy = new Request(request); const clone = request.clone(); const early = request.signal
    const heard = []; early.addEventListener("abort", () => heard.push("early"))
    controller.abort("why")
    return [early === request.signal, request.signal.aborted, request.signal.reason, copy.signal.reason,
      clone.signal.reason, heard, new Request(request, { signal: null }).signal.aborted,
      new Request("http://a", { signal: AbortSignal.abort(1) }).signal.reason]`,
  )
})

test("Request takes over the body of another Request", async () => {
  await using guest = await createChunkGuest(["fetch", "url", "streams"])
  await sameAsNode(
    guest,
    `const body = new ReadableStream({ start(c) { c.enqueue(Uint8Array.of(104, 105)); c.close() } })
    const first = new Request("http://a", { method: "POST", body, duplex: "half" }); const clone = first.clone();
    const second = new Request(first)
    return [first.bodyUsed, await second.text(), await clone.text()]`,
  )
})

test("a subclass of Request clones to a Request and is accepted as input", async () => {
  await using guest = await createChunkGuest(["fetch", "url"])
  const result = await guest.evaluate(`class Mine extends Request {
      get url() { return "http://lie/" }
      get headers() { throw new Error("no") }
    }
    const mine = new Mine("http://a/", { method: "POST", body: "x" })
    const clone = mine.clone()
    return [clone.constructor === Request, clone.url, new Request(mine).url, await clone.text()]`)
  assert.deepEqual(result, [true, "http://a/", "http://a/", "x"])
})
