import assert from "node:assert/strict"
import { test } from "node:test"
import { createChunkGuest, sameAsNode } from "./chunk-guest.ts"

const show = `const show = async (form) => Promise.all([...form].map(async ([name, value]) =>
  [name, typeof value === "string" ? value : [value.name, value.type, [...await value.bytes()]]]))
  const attempt = async (body, type) => { try { return await show(await new Response(body,
    { headers: { "content-type": type } }).formData()) } catch (error) { return error.name } }`

const sample = `const sample = () => { const form = new FormData()
  form.append("a", "1\\n2\\r3\\r\\n4"); form.append('q"\\r\\n', "é"); form.append("empty", "")
  form.append("f", new File([Uint8Array.of(13, 10, 45, 45, 0, 255)], 'n"é\\n.bin', { type: "x/y" }));
  form.append("g", new Blob([]), "g"); form.append("h", new Blob(["t"]))
  return form }`

test("multipart/form-data is written as Node writes it", async () => {
  await using guest = await createChunkGuest(["fetch"])
  await sameAsNode(
    guest,
    `${sample}; const response = new Response(sample()); const type = response.headers.get("content-type")
    const boundary = type.slice("multipart/form-data; boundary=".length)
    return (await response.text()).replaceAll(boundary, "BOUNDARY").trimEnd()`,
  )
})

test("multipart/form-data survives the way out and back", async () => {
  await using guest = await createChunkGuest(["fetch"])
  await sameAsNode(guest, `${show}; ${sample}; return show(await new Response(sample()).formData())`)
})

test("multipart/form-data is parsed as Node parses it", async () => {
  await using guest = await createChunkGuest(["fetch", "url"])
  const part = (head: string, body: string) => `--B\r\n${head}\r\n\r\n${body}\r\n`
  const text = 'Content-Disposition: form-data; name="a"'
  const bodies = [
    `${part(text, "1")}--B--\r\n`,
    `${part(text, "1")}--B--`,
    `${part(text, "1")}${part(
      'content-disposition: form-data; name="b"; filename="f%22.txt"\r\nContent-Type: A/B',
      "2\r\n--3",
    )}--B--\r\n`,
    `${part(`${text}; filename="f"`, "2")}--B--\r\n`,
    `${part("X-Other: 1", "2")}--B--\r\n`,
    `${part(text, "")}--B--\r\n`,
    "--B--\r\n",
    "",
    "junk",
    part(text, "1"),
    `--B\r\n${text}\r\n--B--\r\n`,
    `--B\r\n${text}\r\n\r\nopen`,
    `${part('Content-Disposition: attachment; name="a"', "1")}--B--\r\n`,
    `${part("Content-Disposition: form-data", "1")}--B--\r\n`,
  ]
  await sameAsNode(
    guest,
    `${show}
    const bodies = ${JSON.stringify(bodies)}
    return [await Promise.all(bodies.map((body) => attempt(body, "multipart/form-data; boundary=B"))),
      await attempt(bodies[0], 'multipart/form-data; boundary="B"'), await attempt(bodies[0],
        "Multipart/Form-Data;x=y; BOUNDARY=B"), await attempt(bodies[0], "multipart/form-data"),
      await attempt(bodies[0], "text/plain"), await attempt("a=1&b=%20+&?c",
        "application/x-www-form-urlencoded;charset=UTF-8")]`,
  )
})

test("a leading ? of urlencoded form data is data", async () => {
  await using guest = await createChunkGuest(["fetch", "url"])
  const form = `const init = { headers: { "content-type": "application/x-www-form-urlencoded" } };
  return [...await new Response("?a=1", init).formData()]`
  // Node drops it, against the standard.
  assert.deepEqual(await guest.evaluate(form), [["?a", "1"]])
})

test("a large binary part is parsed in time linear to its size", async () => {
  await using guest = await createChunkGuest(["fetch"])
  const size = await guest.evaluate(`
    const form = new FormData(); form.append("f", new Blob([new Uint8Array(2_000_000).map((_,
      index) => index % 251)]))
    return (await new Response(form).formData()).get("f").size`)
  assert.equal(size, 2_000_000)
})
