import assert from "node:assert/strict"
import { test } from "node:test"
import { FairShare } from "./fair-share.ts"

test("FairShare leaves half of what there is to others than one holder", () => {
  const share = new FairShare(10)
  assert.equal(share.take(5, "loud"), undefined)
  assert.deepEqual(share.take(1, "loud"), { limit: 5, ofHolder: true })
  assert.equal(share.take(4, "quiet"), undefined)
  assert.deepEqual(share.take(2, null), { limit: 10, ofHolder: false })
  share.giveBack(2, "loud")
  assert.equal(share.take(3, null), undefined)
  assert.deepEqual(share.take(1, "loud"), { limit: 10, ofHolder: false })
  share.giveBack(3, null)
  assert.equal(share.take(2, "loud"), undefined)
})

test("FairShare lets one's first take be larger than half", () => {
  const share = new FairShare(10)
  assert.equal(share.take(8, "loud"), undefined)
  assert.deepEqual(share.take(1, "loud"), { limit: 5, ofHolder: true })
  share.giveBack(8, "loud")
  assert.equal(share.take(10, "loud"), undefined)
})
