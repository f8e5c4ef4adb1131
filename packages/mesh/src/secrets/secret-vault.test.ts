import assert from "node:assert/strict"
import { mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { test } from "node:test"
import { openStore } from "@mayfly/store"
import { parseSecretKey, type SecretKey, secretKeyFile } from "./secret-key.ts"
import { openSecretVault } from "./secret-vault.ts"

const value = "sk-live-0123456789"

function temporary(): { directory: string; key: SecretKey } {
  const directory = mkdtempSync(join(tmpdir(), "mayfly-vault-"))
  return { directory, key: secretKeyFile(join(directory, "secrets.key")) }
}

test("openSecretVault keeps secrets apart by tenant, over a restart", async () => {
  const { directory, key } = temporary()
  {
    await using store = await openStore({ directory })
    const vault = await openSecretVault(store, key)
    await vault.set("a", "KEY", "first-value")
    await vault.set("a", "KEY", value)
    await vault.set("b", "KEY", "value-of-b")
  }
  await using store = await openStore({ directory })
  const vault = await openSecretVault(store, secretKeyFile(join(directory, "secrets.key")))
  assert.equal(await vault.resolve("a", "KEY"), value)
  assert.equal(await vault.resolve("b", "KEY"), "value-of-b")
  assert.equal(await vault.resolve("c", "KEY"), null)
  assert.deepEqual(
    (await vault.list("a")).map(({ name }) => name),
    ["KEY"],
  )
  assert.equal(await vault.remove("a", "KEY"), true)
  assert.equal(await vault.remove("a", "KEY"), false)
  assert.equal(await vault.resolve("a", "KEY"), null)
})

test("openSecretVault leaves no value in any file, and the key to its owner", async () => {
  const { directory, key } = temporary()
  {
    await using store = await openStore({ directory })
    await (await openSecretVault(store, key)).set("a", "KEY", value)
  }
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  const holders = files.filter(({ parentPath, name }) => readFileSync(join(parentPath, name)).includes(value))
  assert.deepEqual(holders, [])
  assert.equal(statSync(join(directory, "secrets.key")).mode & 0o777, 0o600)
})

test("openSecretVault refuses another key, and rows that were moved or changed", async () => {
  const { directory, key } = temporary()
  await using store = await openStore({ directory })
  const vault = await openSecretVault(store, key)
  await vault.set("a", "KEY", value)
  const other = await openSecretVault(store, parseSecretKey("11".repeat(32), "test"))
  await assert.rejects(other.resolve("a", "KEY"), { code: "mesh.secret-unreadable", message: /another key/ })
  using file = new DatabaseSync(join(directory, "mayfly.db"))
  file.exec("UPDATE secrets_secrets SET tenant = 'thief'")
  await assert.rejects(vault.resolve("thief", "KEY"), { code: "mesh.secret-unreadable", message: /was changed/ })
})

test("set of a vault refuses what can't be a secret, and does not repeat it", async () => {
  await using store = await openStore()
  const vault = await openSecretVault(store, parseSecretKey("11".repeat(32), "test"))
  for (const [name, bad] of [
    ["1KEY", value],
    ["a b", value],
    ["KEY", "s3cr3t"],
    ["KEY", `${value}\n`],
    ["KEY", "x".repeat(70_000)],
  ] as const) {
    await assert.rejects(vault.set("a", name, bad), (error: Error & { code?: string }) => {
      assert.equal(error.code, "input.invalid")
      assert.ok(!error.message.includes(bad))
      return true
    })
  }
  assert.deepEqual(await vault.list("a"), [])
})

test("secretKeyFile keeps its key, and parseSecretKey says what is wrong with one", () => {
  const { directory, key } = temporary()
  assert.deepEqual(secretKeyFile(join(directory, "secrets.key")), key)
  writeFileSync(join(directory, "bad.key"), "hello")
  assert.throws(() => secretKeyFile(join(directory, "bad.key")), { code: "input.invalid", message: /32 random bytes/ })
})
