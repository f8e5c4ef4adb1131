import assert from "node:assert/strict"
import { test } from "node:test"
import { ScriptSlots } from "./script-slots.ts"

test("ScriptSlots gives no more places than there are, and the next one to who has the fewest", async () => {
  const slots = new ScriptSlots(2)
  const { signal } = new AbortController()
  const order: string[] = []
  const take = async (tenant: string): Promise<() => void> => {
    const release = await slots.take(tenant, signal)
    order.push(tenant)
    return release
  }
  const [first, second] = await Promise.all([take("a"), take("a")])
  const third = take("a")
  const fourth = take("b")
  first?.()
  first?.()
  const release = await fourth
  assert.deepEqual(order, ["a", "a", "b"])
  second?.()
  ;(await third)()
  release()
  assert.deepEqual(order, ["a", "a", "b", "a"])
})

test("ScriptSlots lets go of who no longer wants a place", async () => {
  const slots = new ScriptSlots(1)
  const release = await slots.take("a", new AbortController().signal)
  const abort = new AbortController()
  const waiting = assert.rejects(slots.take("a", abort.signal), { name: "AbortError" })
  abort.abort()
  await waiting
  release()
  await assert.rejects(slots.take("a", abort.signal), { name: "AbortError" })
  ;(await slots.take("b", new AbortController().signal))()
})
