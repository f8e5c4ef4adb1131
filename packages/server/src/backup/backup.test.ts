import assert from "node:assert/strict"
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, before, describe, it } from "node:test"
import { createPlatform, type Platform } from "@mayfly/platform"
import { openDataDirectory } from "@mayfly/platform"
import { createBackup } from "./create-backup.ts"
import { restoreBackup } from "./restore-backup.ts"

const folder = mkdtempSync(join(tmpdir(), "mayfly-backup-"))
const data = join(folder, "data")
const big = "x".repeat(2 << 20)
after(() => rmSync(folder, { recursive: true, force: true }))

async function openRestored(dataDir: string): Promise<Platform> {
  const platform = await createPlatform({ dataDir, hosts: 1, spare: false })
  assert.equal((await platform.ledger.verify()).ok, true)
  return platform
}

before(async () => {
  await using platform = await createPlatform({ dataDir: data, hosts: 1, spare: false })
  await platform.secrets.set("default", "TOKEN", "a secret value")
  // Larger than a row: it becomes a blob.
  const instance = await platform.env.WORKFLOWS.create({
    id: "done",
    steps: [{ name: "one", code: JSON.stringify(big) }],
  })
  await instance.result()
})

describe("createBackup", () => {
  it("copies a directory that nobody owns, and restoreBackup makes one that works", async () => {
    const target = join(folder, "offline")
    const { leftOut } = await createBackup(data, target)
    assert.deepEqual(leftOut, [])
    assert.equal(statSync(target).mode & 0o777, 0o700)
    const restored = join(folder, "offline-restored")
    await restoreBackup(target, restored)
    await using platform = await openRestored(restored)
    assert.equal(await (await platform.env.WORKFLOWS.get("done")).result(), big)
    assert.deepEqual(
      (await platform.secrets.list("default")).map(({ name }) => name),
      ["TOKEN"],
    )
  })

  it("copies one moment while rows and blobs are written", async () => {
    using owner = openDataDirectory(data)
    const target = join(folder, "online")
    const finished: string[] = []
    {
      await using platform = await createPlatform({ dataDir: owner, hosts: 1, spare: false })
      let isOver = false
      const writing = (async () => {
        for (let count = 0; !isOver || count < 3; count++) {
          const steps = [{ name: "one", code: `${JSON.stringify("y".repeat(1 << 20))} + ${count}` }]
          await (await platform.env.WORKFLOWS.create({ id: `w${count}`, steps })).result()
          if (!isOver) finished.push(`w${count}`)
        }
      })()
      while (finished.length === 0) await new Promise((resolve) => setImmediate(resolve))
      const before = [...finished]
      await createBackup(data, target)
      isOver = true
      await writing
      finished.splice(0, Infinity, ...before)
    }
    const restored = join(folder, "online-restored")
    await restoreBackup(target, restored)
    await using platform = await openRestored(restored)
    for (const id of finished)
      assert.equal(await (await platform.env.WORKFLOWS.get(id)).result(), `${"y".repeat(1 << 20)}${id.slice(1)}`)
  })

  it("overwrites nothing, and leaves nothing of what failed", async () => {
    const target = join(folder, "twice")
    await createBackup(data, target)
    await assert.rejects(createBackup(data, target), /exists already/)
    await assert.rejects(createBackup(join(folder, "none"), join(folder, "other")), /no data directory/)
    await assert.rejects(restoreBackup(target, data), /is not empty/)
    assert.equal(existsSync(join(folder, "other")), false)
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.endsWith(".unfinished")),
      [],
    )
  })
})

describe("restoreBackup", () => {
  it("refuses a backup with a file that is missing, changed or not its own", async () => {
    const damages: [name: string, damage: (path: string) => void][] = [
      ["cut", (path) => truncateSync(join(path, "mayfly.db"), 8_192)],
      ["missing", (path) => rmSync(join(path, "secrets.key"))],
      ["extra", (path) => writeFileSync(join(path, "more"), "")],
      ["no manifest", (path) => rmSync(join(path, "manifest.json"))],
      ["null", (path) => writeFileSync(join(path, "manifest.json"), "null")],
    ]
    const whole = join(folder, "whole")
    await createBackup(data, whole)
    for (const [name, damage] of damages) {
      const target = join(folder, name)
      cpSync(whole, target, { recursive: true })
      damage(target)
      const restored = join(folder, `${name}-restored`)
      await assert.rejects(restoreBackup(target, restored), /is no whole backup/, name)
      assert.equal(existsSync(restored), false)
    }
  })
})
