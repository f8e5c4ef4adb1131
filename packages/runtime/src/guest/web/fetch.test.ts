import assert from "node:assert/strict"
import { test } from "node:test"
import { decodeValue, encodeValue } from "@mayfly/protocol/clone"
import { createChunkGuest } from "./chunk-guest.ts"
import type { Guest } from "./isolate-harness.ts"

type Answer = (payload: Record<string, unknown>, signal: AbortSignal) => unknown

function guestWith(answer: Answer): Promise<Guest> {
  return createChunkGuest(["fetch", "url", "streams"], {
    request: async (operation, payload, signal) => {
      assert.equal(operation, "fetch")
      return encodeValue(await answer(decodeValue(payload) as Record<string, unknown>, signal))
    },
  })
}

const plain = {
  url: "http://a/",
  redirected: false,
  status: 200,
  statusText: "OK",
  headers: [],
  body: new Uint8Array(),
}

test("fetch sends one buffered request", async () => {
  const payloads: unknown[] = []
  await using guest = await guestWith((payload) => {
    payloads.push(payload)
    return plain
  })
  await guest.evaluate(`
    await fetch("http://A/x?y#z")
    await fetch(new URL("http://b"), { method: "post", body: "é", headers: { "X-One": "1" }, redirect: "manual" })
    await fetch(new Request("http://c", { method: "PUT", body: Uint8Array.of(1, 2) }), { headers: [["a", "1"], ["A",
      "2"]] })
    await fetch("http://d", { method: "POST", body: new Blob([Uint8Array.of(3, 4)]), redirect: "error" })`)
  const text = ["content-type", "text/plain;charset=UTF-8"]
  assert.deepEqual(payloads, [
    { url: "http://a/x?y#z", method: "GET", headers: [], body: null, redirect: "follow" },
    {
      url: "http://b/",
      method: "POST",
      headers: [text, ["x-one", "1"]],
      body: Uint8Array.of(195, 169),
      redirect: "manual",
    },
    { url: "http://c/", method: "PUT", headers: [["a", "1, 2"]], body: Uint8Array.of(1, 2), redirect: "follow" },
    { url: "http://d/", method: "POST", headers: [], body: Uint8Array.of(3, 4), redirect: "error" },
  ])
})

test("fetch gives a Response with what the host answered", async () => {
  const headers = [
    ["set-cookie", "a=1"],
    ["Set-Cookie", "b=2"],
    ["x", "y"],
  ]
  const body = new TextEncoder().encode('{"é":1}')
  await using guest = await guestWith(({ url }) => {
    const status = url === "http://empty/" ? 204 : 201
    return { ...plain, url: "http://end/", redirected: true, status, statusText: "Made", headers, body }
  })
  const result = await guest.evaluate(`
    const response = await fetch("http://a"); const clone = response.clone(); let immutable = "no"
    try { response.headers.set("x", "z") } catch (error) { immutable = error.name }
    return [response instanceof Response, response.url, response.redirected, response.status, response.statusText,
      response.ok, response.type, [...response.headers], immutable,
      await response.json(), clone.url, await clone.text(), response.bodyUsed, (await fetch("http://empty")).body]`)
  const pairs = [
    ["set-cookie", "a=1"],
    ["set-cookie", "b=2"],
    ["x", "y"],
  ]
  assert.deepEqual(result, [
    true,
    "http://end/",
    true,
    201,
    "Made",
    true,
    "basic",
    pairs,
    "TypeError",
    { é: 1 },
    "http://end/",
    '{"é":1}',
    true,
    null,
  ])
})

test("fetch rejects with a TypeError that has the code of the denial", async () => {
  await using guest = await guestWith(() => {
    throw Object.assign(new Error("http://a/ is not allowed"), { code: "mesh.denied" })
  })
  const result = await guest.evaluate(`
    try { await fetch("http://a") } catch (error) { return [error instanceof TypeError, error.message, error.code,
      error.cause instanceof Error, error.cause.code, error.cause.message] }`)
  assert.deepEqual(result, [
    true,
    "http://a/ is not allowed",
    "mesh.denied",
    true,
    "mesh.denied",
    "http://a/ is not allowed",
  ])
})

test("fetch that is aborted before it starts asks nobody", async () => {
  let asked = 0
  await using guest = await guestWith(() => {
    asked++
    return plain
  })
  const result = await guest.evaluate(`
    const nameOf = (error) => error instanceof Error ? error.name : error
    const why = async (act) => { try { await act() } catch (error) { return nameOf(error) } }
    return [await why(() => fetch("http://a", { signal: AbortSignal.abort("no") })),
      await why(() => fetch(new Request("http://a", { signal: AbortSignal.abort() }))),
      await why(() => fetch("bad")), await why(() => fetch("http://a", { body: "x" }))]`)
  assert.deepEqual([result, asked], [["no", "AbortError", "TypeError", "TypeError"], 0])
})

test("fetch that is aborted in flight rejects with the reason and cancels in the host", async () => {
  const cancelled = Promise.withResolvers<void>()
  const { promise, resolve } = Promise.withResolvers<void>()
  await using guest = await guestWith(async (_payload, signal) => {
    signal.addEventListener("abort", () => cancelled.resolve())
    resolve()
    await cancelled.promise
    return plain
  })
  const running = guest.evaluate(`
    globalThis.controller = new AbortController(); const listeners = []
    try { await fetch("http://a",
      { signal: controller.signal }) } catch (error) { return [error === controller.signal.reason, error.code] }`)
  await promise
  await guest.evaluate(`controller.abort(Object.assign(new Error("stop"), { code: 7 }))`)
  assert.deepEqual(await running, [true, 7])
  await cancelled.promise
})

test("fetch that is aborted while its body is collected asks nobody", async () => {
  let asked = 0
  await using guest = await guestWith(() => asked++)
  const result = await guest.evaluate(`
    const controller = new AbortController(); const body = new ReadableStream({ pull() { controller.abort("late");
    return new Promise(() => {}) } })
    try { await fetch("http://a", { method: "POST", body, duplex: "half",
      signal: controller.signal }) } catch (error) { return error }`)
  assert.deepEqual([result, asked], ["late", 0])
})
