import assert from "node:assert/strict"
import { cpSync, mkdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import {
  damageLastPages,
  expected,
  fill,
  goOn,
  ids,
  isWaiting,
  numbers,
  recorded,
  seed,
  waiting,
} from "./damaged.fixture.ts"
import { newFolder, openEngine } from "./engine.fixture.ts"

const timeout = 60_000

test(
  "a recorded result that is another one on disk ends its workflow with a coded error, and no other",
  { timeout },
  async () => {
    const directory = newFolder()
    await fill(directory)
    const path = join(directory, "mayfly.db")
    const bytes = readFileSync(path)
    for (let at = bytes.indexOf(recorded("w-1")); at !== -1; at = bytes.indexOf(recorded("w-1"), at + 1)) {
      if (!/\d/.test(String.fromCharCode(bytes[at + recorded("w-1").length] ?? 0))) bytes[at] = "R".charCodeAt(0)
    }
    writeFileSync(path, bytes)
    await using opened = await openEngine(directory)
    const workflow = await opened.workflows.create(waiting("w-1"))
    await workflow.sendEvent({ type: "go" })
    await assert.rejects(workflow.result(), { code: "workflow.damaged" })
    const other = await opened.workflows.create(waiting("w-3"))
    await other.sendEvent({ type: "go" })
    assert.deepEqual(await other.result(), expected("w-3"))
    await workflow.restart()
    await workflow.sendEvent({ type: "go" })
    assert.deepEqual(await workflow.result(), expected("w-1"))
  },
)

test(
  "bytes that are others in the last pages give a coded error, or are noticed by a check, or change nothing",
  { timeout },
  async () => {
    const directory = newFolder()
    await fill(directory)
    const random = numbers(seed)
    for (let n = 0; n < 3; n++) await damageLastPages(directory, random)
  },
)

test(
  "a log that ends in the middle of a record is read up to there, and everything ends as it should",
  { timeout },
  async () => {
    const directory = newFolder()
    // The log lies beside the database as long as that is open.
    await using opened = await openEngine(directory)
    for (const id of ids) {
      const workflow = await opened.workflows.create(waiting(id))
      await isWaiting(workflow)
    }
    const random = numbers(seed)
    const size = statSync(join(directory, "mayfly.db-wal")).size
    for (let n = 0; n < 2; n++) {
      const copy = join(newFolder(), "copy")
      mkdirSync(copy)
      for (const name of ["mayfly.db", "mayfly.db-wal"]) cpSync(join(directory, name), join(copy, name))
      truncateSync(join(copy, "mayfly.db-wal"), Math.max(4_096 * 40, size - random(4_096 * 40)))
      const { right, codes } = await goOn(copy)
      assert.deepEqual([right, [...codes]], [ids.length, []], `MAYFLY_SEED=${seed}`)
    }
  },
)
