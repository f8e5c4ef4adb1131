import { test } from "node:test"
import { createChunkGuest, sameAsNode } from "./chunk-guest.ts"

test("URLPattern matches as Node's does", async () => {
  await using guest = await createChunkGuest(["url", "urlpattern"])
  await sameAsNode(
    guest,
    `const patterns = [[{ pathname: "/books/:id(\\\\d+)/:rest*" }], ["https://*.example.com/:a/b?x=:q#*"],
      ["/p/{q-}?:id", "https://h/"],
      [{ hostname: "{*.}?h.com", protocol: "http{s}?" }], [{ pathname: "/A" }, { ignoreCase: true }]]
    const inputs = ["https://h/books/12/a/b", "https://x.example.com/1/b?x=2#f", "https://h/p/q-7",
      "http://a.h.com/", "https://h/a", "nonsense"]
    return patterns.map((args) => { const pattern = new URLPattern(...args); return [pattern.pathname,
      pattern.hostname, inputs.map((input) => {
      const match = pattern.exec(input)
      return [pattern.test(input), match && [match.pathname.input, Object.entries(match.pathname.groups).filter(([,
        value]) => value !== undefined).sort(), match.hostname.groups]] })] })`,
  )
})

test("evaluating the urlpattern chunk changes no global", async () => {
  await using guest = await createChunkGuest(["url", "urlpattern"], { globals: { urlpattern: ["Other"] } })
  await sameAsNode(guest, `typeof globalThis.Other; return typeof globalThis.Other`)
})
