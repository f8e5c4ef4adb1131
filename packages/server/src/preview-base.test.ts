import assert from "node:assert/strict"
import { test } from "node:test"
import { previewBase } from "./preview-base.ts"

test("previewBase takes names that lead to this server, and addresses of proxies", () => {
  assert.deepEqual(previewBase(undefined, 8_787), { scheme: "http", host: "localhost", port: 8_787 })
  assert.deepEqual(previewBase("Preview.Example.com", 8_787), {
    scheme: "http",
    host: "preview.example.com",
    port: 8_787,
  })
  assert.deepEqual(previewBase("preview.example.com:81", 8_787), {
    scheme: "http",
    host: "preview.example.com",
    port: 81,
  })
  assert.deepEqual(previewBase("https://p.example.com", 8_787), { scheme: "https", host: "p.example.com", port: null })
  assert.deepEqual(previewBase("https://p.example.com:8443/", 1), {
    scheme: "https",
    host: "p.example.com",
    port: 8_443,
  })
})

test("previewBase refuses what no name can stand below", () => {
  for (const given of [
    "",
    "127.0.0.1",
    "[::1]",
    "a b",
    "-a.example",
    "a..b",
    "*.example.com",
    "ftp://a",
    "https://a/path",
    "https://u@a",
    "a?b",
    `${"a.".repeat(100)}b`,
  ])
    // oxfmt-ignore
    assert.throws(() => previewBase(given, 1), { code: "input.invalid" }, given)
})
