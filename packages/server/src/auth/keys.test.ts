import assert from "node:assert/strict"
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test } from "node:test"
import { openStore } from "@mayfly/store"
import { hashKey } from "./api-key.ts"
import { Keys, type NewKey } from "./keys.ts"
import { WrongKeys } from "./wrong-keys.ts"

const given: NewKey = { name: "ci", scopes: ["run"], tenant: "acme", expiresAt: null, createdBy: "admin" }

test("Keys keeps hashes, last uses and revocations over a restart, and no key", async () => {
  const directory = mkdtempSync(join(tmpdir(), "mayfly-keys-"))
  const open = async (): Promise<AsyncDisposable & { readonly keys: Keys }> => {
    const store = await openStore({ directory })
    const keys = new Keys(async () => store)
    return {
      keys,
      async [Symbol.asyncDispose]() {
        await keys.close()
        await store.close()
      },
    }
  }
  const made = await (async () => {
    await using it = await open()
    const [kept, ended] = [await it.keys.create(given), await it.keys.create({ ...given, name: "old" })]
    assert.equal(await it.keys.revoke(ended.info.id, "other"), false)
    assert.equal(await it.keys.revoke(ended.info.id, "acme"), true)
    assert.equal(await it.keys.revoke(ended.info.id, "acme"), false)
    const known = await it.keys.find(hashKey(kept.key))
    assert.ok(known !== undefined)
    it.keys.use(known)
    return { kept, ended }
  })()
  await using it = await open()
  const [first, second] = await it.keys.list("acme")
  assert.deepEqual([first?.name, first?.revokedAt, typeof first?.lastUsedAt], ["ci", null, "number"])
  assert.deepEqual([second?.name, typeof second?.revokedAt], ["old", "number"])
  assert.equal((await it.keys.find(hashKey(made.ended.key)))?.problem(Date.now()), "revoked")
  assert.deepEqual((await it.keys.find(hashKey(made.kept.key)))?.access.scopes, ["run"])
  for (const name of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    if (!name.isFile()) continue
    const bytes = readFileSync(join(name.parentPath, name.name), "latin1")
    for (const { key } of [made.kept, made.ended]) assert.equal(bytes.includes(key.slice(3)), false, name.name)
  }
  rmSync(directory, { recursive: true })
})

test("Keys of one tenant do not take the places of others, also when many are made at once; ended ones give way", async () => {
  await using store = await openStore()
  const keys = new Keys(async () => store, { maxKeys: 5, maxKeysOfTenant: 3 })
  const made = await Promise.allSettled(Array.from({ length: 6 }, () => keys.create(given)))
  const own = made.flatMap((one) => (one.status === "fulfilled" ? [one.value.info.id] : []))
  assert.equal(own.length, 3)
  await keys.revoke(own[0] ?? "", "acme")
  const { info } = await keys.create({ ...given, name: "new" })
  const other = { ...given, tenant: "other" }
  await keys.create(other)
  await keys.create({ ...other, tenant: null })
  await assert.rejects(keys.create(other), { code: "auth.too-many-keys" })
  const later = new Keys(async () => store)
  const kept = (await later.list("acme")).map(({ id }) => id)
  assert.deepEqual(kept.toSorted(), [own[1], own[2], info.id].toSorted())
  await Promise.all([keys.close(), later.close()])
})

test("Keys forgets keys that ended long ago", async () => {
  await using store = await openStore()
  const keys = new Keys(async () => store)
  await keys.create({ ...given, expiresAt: Date.now() - 31 * 86_400_000 })
  await keys.create({ ...given, name: "yesterday", expiresAt: Date.now() - 86_400_000 })
  const later = new Keys(async () => store)
  assert.deepEqual(
    (await later.list(undefined)).map(({ name }) => name),
    ["yesterday"],
  )
})

test("WrongKeys refuses an address past its limit until its time is over, and takes an IPv6 network for one", () => {
  const wrong = new WrongKeys({ max: 2, perMs: 1_000 })
  const addresses = ["2001:db8::1", "2001:db8:0:0:ffff::2", "2001:db8::3%eth0"]
  wrong.count(addresses[0] ?? "", 0)
  wrong.count(addresses[1] ?? "", 1)
  assert.throws(() => wrong.count(addresses[2] ?? "", 400), {
    code: "auth.rate-limited",
    details: { retryAfterMs: 600 },
  })
  wrong.count("2001:db8:0:1::1", 400)
  wrong.count("::ffff:192.0.2.1", 400)
  wrong.count("192.0.2.2", 400)
  wrong.count(addresses[0] ?? "", 1_000)
})

test("WrongKeys holds a bounded number of addresses", () => {
  const wrong = new WrongKeys({ max: 1, perMs: 1_000 })
  for (let n = 0; n < 20_000; n++) wrong.count(`192.0.${n >> 8}.${n & 255}`, 0)
  assert.equal(wrong.size, 10_000)
})
