import assert from "node:assert/strict"
import { test } from "node:test"
import { Limiter } from "./limiter.ts"

test("Limiter runs so many at once, lets so many wait and refuses the rest", async () => {
  const limiter = new Limiter(1, 1)
  const gate = Promise.withResolvers<string>()
  const order: string[] = []
  const task = (name: string, wait?: Promise<string>) => async (): Promise<string> => {
    order.push(name)
    return (await wait) ?? name
  }
  const first = limiter.use(task("first", gate.promise))
  const second = limiter.use(task("second"))
  await assert.rejects(limiter.use(task("third")), { code: "worker.queue-full" })
  assert.deepEqual(order, ["first"])
  gate.resolve("opened")
  assert.deepEqual(await Promise.all([first, second]), ["opened", "second"])
  await assert.rejects(
    limiter.use(async () => {
      throw new Error("failed")
    }),
    /failed/,
  )
  assert.equal(await limiter.use(task("last")), "last")
})
