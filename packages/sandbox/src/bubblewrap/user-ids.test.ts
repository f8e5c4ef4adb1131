import assert from "node:assert/strict"
import { test } from "node:test"
import { chooseUserId, usableRange } from "./user-ids.ts"

test("usableRange keeps away from users that others hand out", () => {
  assert.deepEqual(usableRange("         0          0 4294967295\n"), { first: 1_900_000_000, count: 1 << 24 })
  assert.deepEqual(usableRange("0 100000 65536\n"), { first: 32_768, count: 32_752 })
  assert.deepEqual(usableRange("0 1000 1\n1 100000 65536\n"), { first: 32_769, count: 32_752 })
  assert.equal(usableRange("0 1000 1\n"), undefined)
  assert.equal(usableRange(""), undefined)
})

test("chooseUserId never gives root, nor one that is taken", () => {
  const taken = new Set<number>()
  for (let count = 0; count < 200; count++) {
    const id = chooseUserId(taken)
    assert.ok(id === undefined || (id > 0 && !taken.has(id)))
    if (id !== undefined) taken.add(id)
  }
})
