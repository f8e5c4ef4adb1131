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
  const boxes = join(folder, "sandboxes", "boxes")
  await using platform = await createPlatform({ hosts: 1, isolates: 0, spare: false, dataDir: folder })
  // After these as many networks are kept ready as ever will be.
  for (let count = 0; count < 4; count++) {
    const first = await Sandbox.create({ platform })
    await first.exec("true")
    await first.destroy()
  }
  const before = await settledDescriptors()
  const keys: string[] = []
  for (let count = 0; count < cycles; count++) {
    const sandbox = await Sandbox.create({ platform })
    keys.push(...readdirSync(boxes))
    await sandbox.exec("echo x > file; (setsid sleep 7777 >/dev/null 2>&1 &)")
    if (count % 5 === 0) await sandbox.stop()
    await sandbox.destroy()
  }
  assert.deepEqual(leftovers(folder), [])
  assert.deepEqual(groupsOf(keys), [])
  assert.deepEqual([readdirSync(boxes), keys.length], [[], cycles])
  assert.equal(await settledDescriptors(), before)
})

/** Networks for the next sandboxes are made in the background: waits until nothing changes for half a second. */
async function settledDescriptors(): Promise<number> {
  const count = (): number => readdirSync("/proc/self/fd").length
  let [last, since] = [count(), performance.now()]
  while (performance.now() - since < 500) {
    await new Promise((resolve) => setTimeout(resolve, 10))
    if (count() !== last) [last, since] = [count(), performance.now()]
  }
  return last
}
