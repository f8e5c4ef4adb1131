import assert from "node:assert/strict"
import { execFileSync } from "node:child_process"
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs"
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
    await assert.rejects(createBackup(data, join(data, "inside")), /in the data directory itself/)
    await assert.rejects(restoreBackup(target, data), /is not empty/)
    assert.equal(existsSync(join(folder, "other")), false)
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.endsWith(".unfinished")),
      [],
    )
  })
})

/** A sandbox whose whole folder leads out: only what is in one may. */
function linkGuest(path: string): void {
  mkdirSync(join(path, "sandboxes", "boxes", "sb-1"), { recursive: true })
  symlinkSync("/etc", join(path, "sandboxes", "boxes", "sb-1", "files"))
}

describe("restoreBackup", () => {
  it("refuses a backup with a file that is missing, changed or not its own", async () => {
    const damages: [name: string, damage: (path: string) => void][] = [
      ["cut", (path) => truncateSync(join(path, "mayfly.db"), 8_192)],
      ["missing", (path) => rmSync(join(path, "secrets.key"))],
      ["extra", (path) => writeFileSync(join(path, "more"), "")],
      ["no manifest", (path) => rmSync(join(path, "manifest.json"))],
      ["null", (path) => writeFileSync(join(path, "manifest.json"), "null")],
      ["no list", (path) => writeFileSync(join(path, "manifest.json"), '{"format":1,"files":[null]}')],
      ["huge", (path) => truncateSync(join(path, "manifest.json"), 300 << 20)],
      ["link", (path) => symlinkSync("/etc/passwd", join(path, "admin-key.json.new"))],
      ["linked folder", (path) => symlinkSync("/etc", join(path, "objects"))],
      [
        "replaced",
        (path) => (rmSync(join(path, "secrets.key")), symlinkSync("/etc/hostname", join(path, "secrets.key"))),
      ],
      ["linked guest", (path) => linkGuest(path)],
      ["pipe", (path) => void execFileSync("mkfifo", [join(path, "objects")])],
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

  it("is led nowhere by paths that stand in a manifest", async () => {
    const target = join(folder, "paths")
    await createBackup(data, target)
    const manifest = JSON.parse(readFileSync(join(target, "manifest.json"), "utf8")) as { files: object[] }
    manifest.files.push({ path: "../../etc/passwd", bytes: 1, sha256: "0".repeat(64) })
    writeFileSync(join(target, "manifest.json"), JSON.stringify(manifest))
    await assert.rejects(restoreBackup(target, join(folder, "paths-restored")), /missing or changed: \.\.\/\.\.\/etc/)
  })

  it("keeps what guests have made, and nothing else's modes, owners and rights", async () => {
    const source = join(folder, "guests")
    cpSync(data, source, { recursive: true })
    const files = join(source, "sandboxes", "boxes", "sb-1", "files")
    mkdirSync(join(files, "workspace"), { recursive: true })
    symlinkSync("/etc/passwd", join(files, "workspace", "link"))
    writeFileSync(Buffer.concat([Buffer.from(`${files}/workspace/`), Buffer.of(0xff, 0x0a)]), "no text")
    writeFileSync(join(files, "workspace", "program"), "", { mode: 0o755 })
    mkdirSync(join(source, "objects"))
    symlinkSync("/etc/passwd", join(source, "objects", "x.sqlite"))
    chmodSync(join(source, "mayfly.db"), 0o666)
    const target = join(folder, "guests-backup")
    assert.deepEqual((await createBackup(source, target)).leftOut, ["objects/x.sqlite"])
    chmodSync(join(target, "mayfly.db"), 0o4777)
    chmodSync(target, 0o777)
    const isRoot = process.getuid?.() === 0
    if (isRoot) for (const name of ["mayfly.db", "."]) chownSync(join(target, name), 12_345, 12_345)
    const restored = join(folder, "guests-restored")
    await restoreBackup(target, restored)
    const guests = join(restored, "sandboxes", "boxes", "sb-1", "files", "workspace")
    assert.equal(readlinkSync(join(guests, "link")), "/etc/passwd")
    assert.equal(statSync(join(guests, "program")).mode & 0o7777, 0o755)
    assert.equal(
      readdirSync(guests, { encoding: "buffer" }).some((name) => name[0] === 0xff),
      true,
    )
    for (const [name, mode] of [
      ["mayfly.db", 0o600],
      [".", 0o700],
      ["secrets.key", 0o600],
    ] as const) {
      const found = statSync(join(restored, name))
      assert.deepEqual([name, found.mode & 0o7777, found.uid], [name, mode, process.getuid?.()])
    }
    // A file of a guest's that is changed is told like any other.
    writeFileSync(join(target, "sandboxes", "boxes", "sb-1", "files", "workspace", "program"), "x")
    await assert.rejects(restoreBackup(target, join(folder, "guests-again")), /changed: sandboxes\/boxes\/sb-1\/files/)
  })

  it("refuses a place that is another user's", { skip: process.getuid?.() !== 0 && "needs root" }, async () => {
    const target = join(folder, "other")
    await createBackup(data, target)
    const place = join(folder, "others-place")
    mkdirSync(place)
    chownSync(place, 12_345, 12_345)
    await assert.rejects(restoreBackup(target, place), /is user 12345's/)
  })

  it("has no secrets without the key, and with it all of them", async () => {
    const target = join(folder, "keyless")
    assert.deepEqual((await createBackup(data, target, { withoutKey: true })).leftOut, ["secrets.key"])
    const restored = join(folder, "keyless-restored")
    await restoreBackup(target, restored)
    assert.equal(existsSync(join(restored, "secrets.key")), false)
    cpSync(join(data, "secrets.key"), join(restored, "secrets.key"))
    await using platform = await createPlatform({ dataDir: restored, hosts: 1, spare: false })
    assert.equal(await platform.secrets.resolve("default", "TOKEN"), "a secret value")
  })
})
