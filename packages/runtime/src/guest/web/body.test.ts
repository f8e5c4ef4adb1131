import assert from "node:assert/strict"
import { test } from "node:test"
import { createChunkGuest, sameAsNode } from "./chunk-guest.ts"

const attempt = `const attempt = async (act) => {
  try { return (await act()) ?? null } catch (error) { return error.name }
}`

test("a body reads as every kind, once, as in Node", async () => {
  await using guest = await createChunkGuest(["fetch", "url", "streams"])
  await sameAsNode(
    guest,
    `${attempt}
    const makers = { text: () => "h\\ud800é", json: () => '{"a":[1]}', bytes: () => Uint8Array.of(0xef, 0xbb, 0xbf,
      104, 255), buffer: () => new ArrayBuffer(2),
      view: () => new Uint16Array([1, 2]).subarray(1), blob: () => new Blob(["b"], { type: "B/c" }),
        untyped: () => new Blob(["u"]), params: () => new URLSearchParams("a=b c&é=1"),
      bom: () => "\\ufeffx", empty: () => "", nothing: () => null, missing: () => undefined, number: () => 12,
        object: () => ({ a: 1 }),
      stream: () => new ReadableStream({ start(c) { c.enqueue(Uint8Array.of(104)); c.enqueue(Uint8Array.of(105));
      c.close() } }),
      bad: () => new ReadableStream({ start(c) { c.enqueue("text"); c.close() } }),
        broken: () => new ReadableStream({ start(c) { c.error(new RangeError("x")) } }) }
    const readers = { text: (r) => r.text(), json: (r) => r.json(), bytes: async (r) => [...await r.bytes()],
      arrayBuffer: async (r) => [...new Uint8Array(await r.arrayBuffer())],
      blob: async (r) => { const blob = await r.blob(); return [blob.type, blob.size, await blob.text()] } }
    const all = []
    for (const [kind, make] of Object.entries(makers)) for (const [how, read] of Object.entries(readers)) {
      const response = new Response(make())
      const used = [response.bodyUsed]
      const first = await attempt(() => read(response)); used.push(response.bodyUsed)
      all.push([kind, how, response.headers.get("content-type"), first, used, await attempt(() => read(response))])
    }
    return all`,
  )
})

test("body gives a stream, and using it uses the body", async () => {
  await using guest = await createChunkGuest(["fetch", "url", "streams"])
  await sameAsNode(
    guest,
    `${attempt}
    const read = async (stream) => { const all = []; for await (const chunk of stream) all.push(...chunk);
    return all }
    const one = new Response("abc"); const same = one.body === one.body; const reader = one.body.getReader()
    const locked = [one.bodyUsed, await attempt(() => one.text())]; const chunk = [...(await reader.read()).value]
    const two = new Response("abc"); two.body; const viaText = await two.text()
    const three = new Response(""); const four = new Response("x"); await four.text()
    const five = new Response("x"); await five.body.cancel()
    return [same, locked, chunk, one.bodyUsed, viaText, two.bodyUsed, await read(three.body), four.body.locked,
      four.bodyUsed, await attempt(() => four.body.getReader().read().then((r) => r.done)),
      five.bodyUsed, new Response().body, await read(new Response(new Uint8Array([1, 2])).body),
        Object.prototype.toString.call(one.body)]`,
  )
})

test("clone gives two bodies that do not share memory", async () => {
  await using guest = await createChunkGuest(["fetch", "url", "streams"])
  await sameAsNode(
    guest,
    `${attempt}
    const bytes = new Response(Uint8Array.of(1, 2)); const copy = bytes.clone(); const own = await bytes.bytes();
    own[0] = 9
    const text = new Response("t", { status: 201, statusText: "S", headers: { a: "b" } });
    const other = text.clone(); other.headers.set("a", "c")
    const stream = new Response(new ReadableStream({ start(c) { c.enqueue(Uint8Array.of(7)); c.close() } }));
    const tee = stream.clone()
    const used = new Response("x"); await used.text()
    const locked = new Response("x"); locked.body.getReader()
    const source = Uint8Array.of(1); const kept = new Response(source); source[0] = 5
    return [[...await copy.bytes()], await text.text(), await other.text(), [...text.headers], [...other.headers],
      other.status, other.statusText, [...await stream.bytes()], [...await tee.bytes()],
      await attempt(() => used.clone()), await attempt(() => locked.clone()), [...await kept.bytes()],
        await attempt(() => new Response().clone().text())]`,
  )
})

test("a Response of text evaluates neither the streams nor the url chunk", async () => {
  await using guest = await createChunkGuest(["fetch"])
  const text = await guest.evaluate(`
    const response = new Response("x"); const copy = response.clone(); const form = new FormData(); form.set("a", "b")
    return [await response.text(), await copy.blob().then((blob) => blob.text()),
      (await new Response(form).formData()).get("a"), response.bodyUsed, await new Response({}).text()]`)
  assert.deepEqual(text, ["x", "x", "b", true, "[object Object]"])
})

test("blob and formData use the last valid content type", async () => {
  await using guest = await createChunkGuest(["fetch"])
  await sameAsNode(
    guest,
    `const types = ["text/plain", "Text/HTML;Charset=UTF-8", 'a/b; x="y z"; X=2', "bad", "", "a/b;", "a/b;c",
      "text/html, a/b;q=1"]
    return Promise.all(types.map(async (type) => (await new Response("x",
      { headers: { "content-type": type } }).blob()).type))`,
  )
})
