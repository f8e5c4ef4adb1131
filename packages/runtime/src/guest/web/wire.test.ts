import assert from "node:assert/strict"
import { test } from "node:test"
import { fileURLToPath } from "node:url"
import type { ChunkName } from "../kernel.ts"
import { createChunkGuest } from "./chunk-guest.ts"

const probed = (names: readonly ChunkName[]) =>
  createChunkGuest(names, { extra: fileURLToPath(new URL("./wire-probe.ts", import.meta.url)) })

test("requestFromWire makes a Request without loading the url chunk", async () => {
  await using guest = await probed(["fetch"])
  const result = await guest.evaluate(`
    const request = requestFromWire({ url: "http://h/x", method: "QUERY", headers: [["A", "1"], ["a", "2"]],
      body: Uint8Array.of(104, 105) })
    const empty = requestFromWire({ url: "http://h/", method: "GET", headers: [], body: null })
    return [request instanceof Request, request.url, request.method, [...request.headers],
      await request.clone().text(), await request.text(), request.signal.aborted, empty.body, await empty.text()]`)
  assert.deepEqual(result, [true, "http://h/x", "QUERY", [["a", "1, 2"]], "hi", "hi", false, null, ""])
})

test("responseToWire gives a Response whole, or with its stream", async () => {
  await using guest = await probed(["fetch", "url", "streams"])
  const result = await guest.evaluate(`
    class Mine extends Response { get status() { return 999 } get headers() { return 5 } }
    const wires = await Promise.all([new Response("é", { status: 201, statusText: "S", headers: { B: "1",
      a: "2" } }), new Mine(Uint8Array.of(1)), new Response(),
      new Response(new ReadableStream({ start(c) { c.enqueue(Uint8Array.of(2)); c.close() } })),
        Response.redirect("http://a/")].map(responseToWire))
    const bytes = async ({ stream, ...wire }) => ({ ...wire, body: stream ? "stream of " + (await new Response(stream).bytes()) : [...wire.body] })
    return Promise.all(wires.map(bytes))`)
  const text = ["content-type", "text/plain;charset=UTF-8"]
  assert.deepEqual(result, [
    { status: 201, statusText: "S", headers: [["a", "2"], ["b", "1"], text], body: [195, 169] },
    { status: 200, statusText: "", headers: [], body: [1] },
    { status: 200, statusText: "", headers: [], body: [] },
    { status: 200, statusText: "", headers: [], body: "stream of 2" },
    { status: 302, statusText: "", headers: [["location", "http://a/"]], body: [] },
  ])
})

test("responseToWire refuses what is not a usable Response", async () => {
  await using guest = await probed(["fetch", "url", "streams"])
  const result = await guest.evaluate(`
    const used = new Response("x"); await used.text(); const locked = new Response("x"); locked.body.getReader()
    const values = [undefined, null, "text", {}, new Request("http://a"), Object.create(Response.prototype),
      { __proto__: Response.prototype }, used, locked, Response.error()]
    return Promise.all(values.map((value) => responseToWire(value).then(() => "no error", (error) => error.name)))`)
  assert.deepEqual(result, Array(10).fill("TypeError"))
})
