import { test } from "node:test"
import { createChunkGuest, sameAsNode } from "./chunk-guest.ts"

const failed = `const failed = (act) => { try { act(); return "no error" } catch (error) { return error.name } }`

test("Headers combines, sorts and lists as Node's", async () => {
  await using guest = await createChunkGuest(["fetch"])
  await sameAsNode(
    guest,
    `const headers = new Headers([["X-b", " 1 "], ["a", "2"], ["x-B", "3"], ["Set-Cookie", "q=1, 2"], ["set-cookie",
      "r=3"]])
    const seen = []; headers.forEach((value, name, all) => seen.push(value, name, all === headers))
    const before = [[...headers], [...headers.keys()], [...headers.values()], headers.getSetCookie(),
      headers.get("SET-COOKIE"), headers.get("no")]
    headers.set("A", "é"); headers.delete("X-B"); headers.append("a", ""); headers.set("set-cookie", "z")
    return [before, seen, [...headers.entries()], headers.has("A"), headers.has("x-b"), headers.getSetCookie(),
      Object.prototype.toString.call(headers),
      [...new Headers({ b: 1, a: null })], [...new Headers(new Headers({ q: "r" }))], [...new Headers(new Map([["m",
        "n"]]))], [...new Headers()],
      Headers.name, new Headers().constructor.name, new Headers().entries().next()]`,
  )
})

test("Headers iterates over what is there at each step", async () => {
  await using guest = await createChunkGuest(["fetch"])
  await sameAsNode(
    guest,
    `const headers = new Headers({ a: "1", c: "2", e: "3" }); const seen = []
    for (const [name] of headers) { seen.push(name); if (name === "c") { headers.delete("a"); headers.set("b",
      "x") } if (seen.length > 9) break }
    return seen`,
  )
})

test("Headers refuses what Node's refuses", async () => {
  await using guest = await createChunkGuest(["fetch"])
  await sameAsNode(
    guest,
    `${failed}
    const headers = new Headers()
    return [() => new Headers(null), () => new Headers(1), () => new Headers("ab"), () => new Headers([["a"]]),
      () => new Headers([["a", "b", "c"]]),
      () => new Headers(["ab"]), () => new Headers({ "a b": "1" }), () => new Headers({ "": "1" }),
        () => headers.append("a"), () => headers.get(),
      () => headers.set("a", "x\\ny"), () => headers.set("a", "\\0"), () => headers.set("a", "€"),
        () => headers.set("é", "1"), () => headers.append("a", "\\n v \\r"),
      () => headers.forEach(1), () => Headers.prototype.get.call({}, "a"), () => Headers.prototype.entries.call({}),
        () => Headers(),
      () => headers.has("a b"), () => headers.delete(""), () => new Headers({ [Symbol()]: "1" }),
        () => headers.set("a", Symbol())].map(failed)`,
  )
})

test("the headers of a fixed response are immutable", async () => {
  await using guest = await createChunkGuest(["url", "fetch"])
  await sameAsNode(
    guest,
    `${failed}
    const { headers } = Response.redirect("http://a/")
    return [failed(() => headers.set("a", "b")), failed(() => headers.append("a", "b")),
      failed(() => headers.delete("location")), [...headers],
      failed(() => Response.error().headers.set("a", "b")), [...new Headers(headers)]]`,
  )
})
