import assert from "node:assert/strict"
import { test } from "node:test"
import { RequestSlots } from "./request-slots.ts"

test("RequestSlots leaves half of its places to others than one tenant", () => {
  const slots = new RequestSlots(4)
  const held = [slots.take("loud"), slots.take("loud")]
  assert.throws(() => slots.take("loud"), { code: "worker.queue-full", details: { limit: 2, retryAfterMs: 1_000 } })
  held.push(slots.take("quiet"), slots.take())
  for (const who of [null, "quiet", "other"])
    assert.throws(() => slots.take(who), { code: "worker.queue-full", details: { limit: 4, retryAfterMs: 1_000 } })
  for (const place of held) place[Symbol.dispose]()
  slots.take("loud")
  slots.take("loud")
})
