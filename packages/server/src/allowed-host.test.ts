import assert from "node:assert/strict"
import { test } from "node:test"
import { isAllowedHost, isOwnOrigin } from "./allowed-host.ts"

test("isAllowedHost takes loopback names and the bound host, with any port, and nothing else", () => {
  for (const host of [
    "localhost",
    "localhost:8787",
    "127.0.0.1:1",
    "127.1.2.3",
    "[::1]:80",
    "LOCALHOST",
    "box.example:9",
  ]) {
    assert.equal(isAllowedHost(host, "box.example"), true, host)
  }
  for (const host of [
    "evil.example",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "10.0.0.1",
    "",
    "a b",
    "localhost@evil.example",
    "[::2]",
  ]) {
    assert.equal(isAllowedHost(host, "box.example"), false, host)
  }
})

test("isAllowedHost takes every address, but no name, when the server is bound to all", () => {
  assert.equal(isAllowedHost("192.168.1.5:8787", "0.0.0.0"), true)
  assert.equal(isAllowedHost("[fe80::1]:8787", "::"), true)
  assert.equal(isAllowedHost("rebound.example", "0.0.0.0"), false)
})

test("isAllowedHost takes further names that it was given", () => {
  assert.equal(isAllowedHost("mayfly.example", "127.0.0.1", ["mayfly.example"]), true)
})

test("isOwnOrigin takes no origin or the host's own, port included", () => {
  assert.equal(isOwnOrigin(undefined, "localhost:8787"), true)
  assert.equal(isOwnOrigin("http://localhost:8787", "localhost:8787"), true)
  for (const origin of [
    "http://localhost:3000",
    "https://evil.example",
    "null",
    "http://localhost:8787.evil.example",
  ]) {
    assert.equal(isOwnOrigin(origin, "localhost:8787"), false, origin)
  }
})
