import assert from "node:assert/strict"
import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, test } from "node:test"
import { createPlatform, Sandbox } from "mayfly"
import { groupsOf, leftovers } from "./sandbox-leaks.ts"

const cycles = process.env["MAYFLY_FULL"] === undefined ? 10 : 200
const folder = mkdtempSync(join(tmpdir(), "mayfly-sandbox-cycles-"))
after(() => rmSync(folder, { recursive: true, force: true }))

test(`after ${cycles} sandboxes came and went nothing of them is left`, async () => {
  const descriptors = (): number => readdirSync("/proc/self/fd").length
  await using platform = await createPlatform({ hosts: 1, isolates: 0, spare: false, dataDir: folder })
  await (await Sandbox.create({ platform })).destroy()
  const before = descriptors()
  const ids: string[] = []
  for (let count = 0; count < cycles; count++) {
    const sandbox = await Sandbox.create({ platform })
    ids.push(sandbox.id)
    await sandbox.exec("echo x > file; (setsid sleep 7777 >/dev/null 2>&1 &)")
    if (count % 5 === 0) await sandbox.stop()
    await sandbox.destroy()
  }
  assert.deepEqual(leftovers(folder), [])
  assert.deepEqual(groupsOf(ids), [])
  assert.deepEqual(readdirSync(join(folder, "sandboxes", "boxes")), [])
  assert.equal(descriptors(), before)
})
