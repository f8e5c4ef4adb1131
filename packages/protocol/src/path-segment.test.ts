import assert from "node:assert/strict"
import { test } from "node:test"
import { filePathSegments, pathSegment } from "./path-segment.ts"

const base = "http://a/v1/sandboxes/agent/files/"

test("filePathSegments never leaves the route, and means the same file", () => {
  for (const [path, meant] of [
    ["a b/c?.txt", "a b/c?.txt"],
    ["/etc/hosts", "/etc/hosts"],
    ["..", "./.."],
    [".", "./."],
    ["../../../keys", "./../../../keys"],
    ["/../../../keys", "/../../../keys"],
    ["a/../../b", "./a/../../b"],
    ["%2e%2e/x", "%2e%2e/x"],
    ["a/%2e%2e", "a/%2e%2e"],
    ["..\\..\\x", "..\\..\\x"],
  ] as const) {
    const { pathname } = new URL(`${base}${filePathSegments(path)}`)
    assert.ok(pathname.startsWith("/v1/sandboxes/agent/files/"), path)
    assert.equal(decodeURIComponent(pathname.slice("/v1/sandboxes/agent/files/".length)), meant)
  }
  assert.throws(() => filePathSegments("\ud800"), { code: "input.invalid" })
})

test("pathSegment refuses what would be another path", () => {
  assert.equal(pathSegment("a/b"), "a%2Fb")
  assert.equal(new URL(`http://a/v1/x/${pathSegment("%2e%2e")}/y`).pathname, "/v1/x/%252e%252e/y")
  for (const text of [".", "..", "\udfff"]) assert.throws(() => pathSegment(text), { code: "input.invalid" })
})
