import assert from "node:assert/strict"
import { test } from "node:test"
import { setImmediate as turn } from "node:timers/promises"
import { FileLocks } from "./file-locks.ts"

test("hold waits for what is under way, and keeps back what comes", async () => {
  const locks = new FileLocks()
  const said: string[] = []
  const { promise: isOver, resolve: end } = Promise.withResolvers<void>()
  const first = locks.share("a", () => isOver.then(() => said.push("first")))
  const holding = locks.hold(["b", "a", "a"])
  await turn()
  const second = locks.share("a", async () => said.push("second"))
  const other = locks.share("c", async () => said.push("other"))
  await other
  end()
  const held = await holding
  await turn()
  assert.deepEqual(said, ["other", "first"])
  held[Symbol.dispose]()
  held[Symbol.dispose]()
  await Promise.all([first, second])
  assert.deepEqual(said, ["other", "first", "second"])
})

test("two that hold the same files come one after the other, and a failure lets go", async () => {
  const locks = new FileLocks()
  const first = await locks.hold(["a", "b"])
  let isHeld = false
  const second = locks.hold(["b", "a"]).then((held) => ((isHeld = true), held))
  await turn()
  assert.equal(isHeld, false)
  first[Symbol.dispose]()
  ;(await second)[Symbol.dispose]()
  await assert.rejects(
    locks.share("a", () => Promise.reject(new Error("no"))),
    /no/,
  )
  using _third = await locks.hold(["a"])
})
