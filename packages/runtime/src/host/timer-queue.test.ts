import assert from "node:assert/strict"
import { test } from "node:test"
import { TimerQueue } from "./timer-queue.ts"

test("TimerQueue gives timers in order of time, then of creation", async () => {
  const order: number[] = []
  await new Promise<void>((resolve) => {
    const queue: TimerQueue = new TimerQueue(() => {
      for (let id = queue.take(); id !== undefined; id = queue.take()) order.push(id)
      queue.arm()
      if (queue.size === 0) resolve()
    })
    queue.add(1, 20)
    queue.add(2, 5)
    queue.add(3, 5)
    queue.add(4, 1)
    queue.add(5, 1)
    queue.remove(5)
    queue.arm()
  })
  assert.deepEqual(order, [4, 2, 3, 1])
})

test("TimerQueue gives nothing before its time", () => {
  const queue = new TimerQueue(() => {})
  queue.add(1, 60_000)
  assert.equal(queue.take(), undefined)
  queue.clear()
  assert.equal(queue.size, 0)
})
