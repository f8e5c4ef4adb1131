import assert from "node:assert/strict"
import { test } from "node:test"
import { encodeValue } from "@mayfly/protocol/clone"
import { createChunkGuest } from "./chunk-guest.ts"

const response = {
  url: "https://h/",
  redirected: false,
  status: 200,
  statusText: "",
  headers: [],
  body: new Uint8Array(),
}

const answer = async (operation: string): Promise<string> =>
  encodeValue(operation === "fetch" ? response : { kind: "error", name: "DataError", message: "x" })

/** Replaces every method of the intrinsics by one that looks at its receiver and arguments for the kernel. */
const spy = `
  const found = new Set(), apply = Reflect.apply, add = found.add, busy = { now: false }
  const parts = ["entropy", "request", "ask", "setTimer", "chunk", "lazy"]
  const look = (value) => {
    if (typeof value === "function" && parts.indexOf(value.name) !== -1) apply(add, found, [value.name])
    const isKernel = typeof value === "object" && value !== null && "entropy" in value && "setTimer" in value
    if (isKernel) apply(add, found, ["kernel"])
  }
  const { getOwnPropertyDescriptor, defineProperty } = Object, { ownKeys } = Reflect
  const types = [Object, Array, Function, Map, Set, WeakMap, Promise, String, RegExp, Uint8Array, Error, TypeError]
  const owners = types.flatMap((type) => [type, type.prototype])
    .concat([Reflect, JSON, Math, Object.getPrototypeOf(Uint8Array.prototype)])
  for (const owner of owners) for (const key of ownKeys(owner)) {
    const { value, configurable } = getOwnPropertyDescriptor(owner, key)
    if (typeof value !== "function" || !configurable || key === "constructor" || key === "indexOf") continue
    const replacement = { method(...values) {
      if (!busy.now) {
        busy.now = true
        try { look(this); for (let at = 0; at < values.length; at++) look(values[at]) } finally { busy.now = false }
      }
      return apply(value, this, values)
    } }.method
    defineProperty(owner, key, { value: replacement, writable: true, configurable: true })
  }`

const use = `
  const done = []
  const attempt = async (act) => { try { await act(); done.push("done") } catch (error) { done.push(error.name) } }
  await attempt(() => new URL("https://bücher.example/?a=b").searchParams.get("a"))
  await attempt(() => new URLPattern({ pathname: "/:a" }).exec("https://h/x"))
  await attempt(() => new Response("x").body.pipeThrough(new CompressionStream("gzip")).getReader().read())
  const form = new FormData()
  form.set("a", new Blob(["x"]))
  await attempt(() => new Response(form).formData())
  await attempt(() => fetch("https://h/", { method: "POST", body: "x", signal: new AbortController().signal }))
  await attempt(() => subtle.digest("SHA-256", new Uint8Array(1)))`

// The digest gets the error that the test's host answers; everything else must have run to its end.
const outcome = ["done", "done", "done", "done", "done", "DataError"]

test("chunks that are evaluated after every intrinsic was replaced do not hand out the kernel", async () => {
  await using guest = await createChunkGuest(["url", "urlpattern", "fetch", "streams", "compression", "subtle"], {
    globals: { subtle: ["subtle"] },
    request: answer,
  })
  assert.deepEqual(await guest.evaluate(`${spy}; ${use}; return [[...found], done]`), [[], outcome])
  // The spy does see what passes a replaced method.
  assert.deepEqual(await guest.evaluate(`${spy}; (function entropy() {}).bind(null); return [...found]`), ["entropy"])
})

test("no chunk leaves the kernel reachable from the global object", async () => {
  await using guest = await createChunkGuest(["url", "urlpattern", "fetch", "streams", "compression", "subtle"], {
    globals: { subtle: ["subtle", "CryptoKey"] },
    request: answer,
  })
  const found = await guest.evaluate(`${use}
    const seen = new Set(), queue = [globalThis], hits = []
    while (queue.length > 0) {
      const value = queue.pop()
      if ((typeof value !== "object" && typeof value !== "function") || value === null || seen.has(value)) continue
      seen.add(value)
      if (Object.hasOwn(value, "entropy") && Object.hasOwn(value, "setTimer")) hits.push("kernel")
      queue.push(Object.getPrototypeOf(value))
      for (const key of Reflect.ownKeys(value)) {
        const { value: member, get, set } = Object.getOwnPropertyDescriptor(value, key)
        queue.push(member, get, set)
      }
    }
    return [hits, done, seen.has(Response.prototype.text), seen.has(URL)]`)
  assert.deepEqual(found, [[], outcome, true, true])
})
