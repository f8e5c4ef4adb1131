import assert from "node:assert/strict"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, test } from "node:test"
import { openStore } from "@mayfly/store"
import { sandboxMigrations, type SandboxRecord, SandboxRegistry } from "./sandbox-registry.ts"

const folder = mkdtempSync(join(tmpdir(), "mayfly-registry-"))
after(() => rmSync(folder, { recursive: true }))

const record: SandboxRecord = {
  id: "box",
  key: "key-1",
  tenant: "default",
  createdAt: 7,
  provider: "bubblewrap",
  limits: { memoryMb: 128, cpus: 1, processes: 8, diskMb: 16, wallMs: null },
  network: {},
  env: {},
  sleepAfterMs: null,
}

test("a registry of the time when ids were the same for all tenants keeps its sandboxes and their files' names", async () => {
  const directory = join(folder, "migrated")
  {
    await using store = await openStore({ directory })
    const tables = await store.attach({ name: "sandbox", migrations: sandboxMigrations.slice(0, 1) })
    const { id, key: _key, tenant, createdAt, ...options } = record
    await tables.write([
      {
        sql: "INSERT INTO sandbox_boxes VALUES (?, ?, ?, 'ready', ?)",
        parameters: [id, tenant, createdAt, JSON.stringify(options)],
      },
    ])
  }
  await using store = await openStore({ directory })
  const registry = await SandboxRegistry.open(store)
  assert.deepEqual(await registry.get("default", "box"), { ...record, key: "box" })
  assert.equal(await registry.get("other", "box"), undefined)
})

test("an id is taken for its tenant alone, a key for all", async () => {
  await using store = await openStore()
  const registry = await SandboxRegistry.open(store)
  const other = { ...record, tenant: "other", key: "key-2" }
  await registry.begin(record)
  await registry.begin(other)
  await assert.rejects(registry.begin({ ...record, key: "key-3" }), { code: "sandbox.exists" })
  await assert.rejects(registry.begin({ ...record, id: "new" }), { code: "sandbox.exists" })
  await Promise.all([registry.setState(record, "ready"), registry.setState(other, "ready")])
  await registry.forget(record)
  assert.deepEqual(await registry.list(undefined), [other])
})
