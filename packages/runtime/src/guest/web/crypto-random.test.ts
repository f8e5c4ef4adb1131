import assert from "node:assert/strict"
import { writeFile, mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test } from "node:test"
import { conform, createGuest } from "./isolate-harness.ts"

test("crypto equals Node's on what is not random", async () => {
  await using guest = await createGuest()
  await conform(guest, {
    refused: `return [[], new Float32Array(1), new Float64Array(1), new DataView(new ArrayBuffer(1)), new ArrayBuffer(1)].map((v) => attempt(() => crypto.getRandomValues(v)))`,
    "too much": `return attempt(() => crypto.getRandomValues(new Uint8Array(65_537)))`,
    same: `const v = new Uint8Array(4); return crypto.getRandomValues(v) === v`,
    kinds: `return [Int8Array, Uint8ClampedArray, Int16Array, Uint32Array, BigInt64Array].map((C) => crypto.getRandomValues(new C(2)).length)`,
    tag: `return [String(crypto), Crypto.name, attempt(() => new Crypto()), crypto instanceof Crypto]`,
  })
})

test("crypto.randomUUID gives distinct version 4 UUIDs from few host calls", async () => {
  await using guest = await createGuest()
  const source = `const ids = Array.from({ length: 1000 }, () => crypto.randomUUID())
    return [new Set(ids).size, ids.every((id) => /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(id))]`
  assert.deepEqual(await guest.evaluate(source), [1000, true])
  assert.equal(guest.hostCalls.entropy, 4)
})

test("crypto.getRandomValues fills exactly the view and never repeats bytes", async () => {
  await using guest = await createGuest()
  const source = `const all = new Uint8Array(300); crypto.getRandomValues(all.subarray(10, 290))
    const seen = new Set(); for (let i = 0; i < 2000; i++) seen.add(crypto.getRandomValues(new Uint32Array(4)).join())
    const big = crypto.getRandomValues(new Uint8Array(65_536)); crypto.getRandomValues(new Uint8Array(0))
    return [all.subarray(0, 10).some(Boolean), all.subarray(290).some(Boolean), all.subarray(10, 290).some(Boolean), seen.size, new Set(big).size]`
  assert.deepEqual(await guest.evaluate(source), [false, false, true, 2000, 256])
})

test("crypto.subtle and CryptoKey come from their chunk", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "mayfly-subtle-"))
  t.after(() => rm(folder, { recursive: true }))
  const subtle = join(folder, "subtle.ts")
  await writeFile(
    subtle,
    `export default () => ({ subtle: "the subtle", CryptoKey: "the key", SubtleCrypto: "the class" })`,
  )
  await using guest = await createGuest({ chunks: { subtle } })
  assert.deepEqual(await guest.evaluate(`return [crypto.subtle, CryptoKey, SubtleCrypto]`), [
    "the subtle",
    "the key",
    "the class",
  ])
})
