import assert from "node:assert/strict"
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, test } from "node:test"
import { openDataDirectory } from "@mayfly/platform"
import { ensureAdminKey } from "./admin-key.ts"
import { hashKey } from "./api-key.ts"

const folder = mkdtempSync(join(tmpdir(), "mayfly-admin-key-"))
after(() => rmSync(folder, { recursive: true }))

test("ensureAdminKey makes a key once and stores only its hash, for the owner only", () => {
  using directory = openDataDirectory(join(folder, "key"))
  const { hash, created = "" } = ensureAdminKey(directory)
  assert.match(created, /^mf_[A-Za-z0-9_-]{43}$/)
  assert.deepEqual(ensureAdminKey(directory), { hash })
  assert.equal(hashKey(created), hash)
  for (const name of readdirSync(directory.path)) {
    const path = join(directory.path, name)
    assert.equal(statSync(path).mode & 0o077, 0, name)
    assert.equal(readFileSync(path, "utf8").includes(created), false, name)
  }
})

test("ensureAdminKey makes no new key when the file is damaged", () => {
  using directory = openDataDirectory(join(folder, "damaged"))
  writeFileSync(join(directory.path, "admin-key.json"), "{")
  assert.throws(() => ensureAdminKey(directory), { code: "input.invalid" })
})
