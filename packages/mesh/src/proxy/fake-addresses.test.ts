import assert from "node:assert/strict"
import { test } from "node:test"
import { FakeAddresses } from "./fake-addresses.ts"

test("a name keeps its address, and the address says the name", () => {
  const names = new FakeAddresses(100)
  const [one, other] = [names.addressOf("a.test"), names.addressOf("b.test")]
  assert.deepEqual([one, other, names.addressOf("a.test")], ["198.18.1.0", "198.18.1.1", "198.18.1.0"])
  assert.deepEqual([names.nameOf(one), names.nameOf(`::ffff:${other}`)], ["a.test", "b.test"])
  for (const address of [
    "198.18.1.2",
    "198.18.0.0",
    "198.17.1.0",
    "198.20.1.0",
    "198.18.1.0.1",
    "198.18.1.256",
    "127.0.0.1",
    "",
    "::1",
  ]) {
    assert.equal(names.nameOf(address), null, address)
  }
})

test("the name that was not used for longest goes, and its address waits for its next turn", () => {
  const names = new FakeAddresses(2)
  const first = names.addressOf("a.test")
  names.addressOf("b.test")
  assert.equal(names.nameOf(first), "a.test", "a connection counts as use")
  names.addressOf("c.test")
  assert.deepEqual(
    [names.nameOf("198.18.1.0"), names.nameOf("198.18.1.1"), names.nameOf("198.18.1.2")],
    ["a.test", null, "c.test"],
  )
  const given = new Set<string>()
  for (let n = 0; n < 130_000; n++) given.add(names.addressOf(`n${n}.test`))
  assert.equal(given.size, 130_000, "no address comes twice before all others did")
  for (let n = 0; n < 1_000; n++) assert.match(names.addressOf(`m${n}.test`), /^198\.(18|19)\.\d+\.\d+$/)
})

test("more names than a quarter of the network are never kept", () => {
  const names = new FakeAddresses(Infinity)
  for (let n = 0; n < 50_000; n++) names.addressOf(`n${n}.test`)
  assert.equal(names.nameOf(names.addressOf("last.test")), "last.test")
})
