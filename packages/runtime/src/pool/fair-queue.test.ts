import assert from "node:assert/strict"
import { test } from "node:test"
import { FairQueue } from "./fair-queue.ts"

function filled(): FairQueue<string> {
  const queue = new FairQueue<string>()
  for (const item of ["a1", "a2", "a3", "b1", "c1", "c2"]) queue.add(item.slice(0, 1), item)
  return queue
}

test("FairQueue serves tenants in turn", () => {
  const queue = filled()
  const order: (string | undefined)[] = []
  while (queue.size > 0) order.push(queue.take(() => 0))
  assert.deepEqual(order, ["a1", "b1", "c1", "a2", "c2", "a3"])
  assert.equal(
    queue.take(() => 0),
    undefined,
  )
})

test("FairQueue prefers the tenant with the least under way and passes over those at their cap", () => {
  const queue = filled()
  const load = new Map([
    ["a", 2],
    ["b", Infinity],
    ["c", 1],
  ])
  const take = (): string | undefined => queue.take((tenant) => load.get(tenant) ?? 0)
  assert.deepEqual([take(), take(), take(), take(), take(), take()], ["c1", "c2", "a1", "a2", "a3", undefined])
  assert.equal(queue.size, 1)
})

test("FairQueue puts back at the front, removes and drains", () => {
  const queue = filled()
  queue.putBack("a", "a0")
  assert.equal(queue.sizeOf("a"), 4)
  assert.equal(queue.remove("c", "c1"), true)
  assert.equal(queue.remove("c", "c1"), false)
  assert.deepEqual(queue.drain(), ["a0", "a1", "a2", "a3", "b1", "c2"])
  assert.equal(queue.size, 0)
})
