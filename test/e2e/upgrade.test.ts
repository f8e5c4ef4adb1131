import assert from "node:assert/strict"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { after, test } from "node:test"
import { createPlatform } from "@mayfly/platform"
import { mayfly } from "./mayfly-process.ts"

const folder = mkdtempSync(join(tmpdir(), "mayfly-upgrade-"))
after(() => rmSync(folder, { recursive: true, force: true }))

/** What commit d260575 had written, before accounts, keys and named workers had rows. */
function oldDirectory(name: string): string {
  const data = join(folder, name)
  mkdirSync(data, { mode: 0o700 })
  using database = new DatabaseSync(join(data, "mayfly.db"))
  database.exec(readFileSync(new URL("../upgrade/2026-11-23.sql", import.meta.url), "utf8"))
  const head = {
    seq: 2,
    hash: "c8fc9987b7c0a692a2f481eb8ee1f68d7a2b2cb457990b012b3708c0951e8ff2",
    signature: "796340400aaaca4bd8cb8e8b6e5be0cf0498e5e43ebd78151f1cd88483462432",
  }
  writeFileSync(join(data, "ledger-head.json"), JSON.stringify(head))
  const ledgerKey = "879f09d63cdc89e2d423097581ecb13b4668de81f419ce5f25b3764808192e96"
  writeFileSync(join(data, "ledger-key"), Buffer.from(ledgerKey, "hex"))
  writeFileSync(join(data, "secrets.key"), "DoiUIlq0G4SsFIQiE3iNs2WNufrklAo066W2m+cnR+0=\n")
  return data
}

test("a data directory of an earlier version opens, and what it holds goes on", { timeout: 60_000 }, async () => {
  await using platform = await createPlatform({ dataDir: oldDirectory("old"), hosts: 1, spare: false })
  assert.equal(await (await platform.env.WORKFLOWS.get("done")).result(), 21)
  const waits = await platform.env.WORKFLOWS.get("waits")
  await waits.sendEvent({ type: "go", payload: "at last" })
  assert.equal(((await waits.result()) as { payload: string }).payload, "at last")
  assert.equal(await platform.secrets.resolve("default", "TOKEN"), "a secret value 123")
  assert.deepEqual(
    (await platform.env.SANDBOX.list()).map(({ id }) => id),
    ["s"],
  )
  assert.equal((await platform.ledger.verify()).ok, true)
  const { rows } = await platform.usage.query({ tenant: "default" })
  assert.ok(rows.reduce((sum, { runs }) => sum + runs, 0) > 0)
})

test("a data directory of a later version is refused at the start, with a code", { timeout: 60_000 }, async () => {
  const data = oldDirectory("later")
  {
    using database = new DatabaseSync(join(data, "mayfly.db"))
    database.exec("UPDATE store_migrations SET version = 99 WHERE owner = 'secrets'")
    database.exec(
      "INSERT INTO store_migrations SELECT owner, 0, hash, applied_at FROM store_migrations WHERE version = 99",
    )
  }
  const { code, stderr } = await mayfly(["serve", "--port", "0", "--data", data])
  assert.equal(code, 1)
  assert.match(stderr, /^mayfly: store\.newer: the tables of "secrets" have had 2 migrations/m)
})
