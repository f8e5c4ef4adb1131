import assert from "node:assert/strict"
import { test } from "node:test"
import { checkJsonBytes, checkJsonText, maxJsonValues, ValueCount } from "./value-count.ts"

const tooMany = { code: "server.too-large", details: { limit: maxJsonValues } }

test("ValueCount counts values and names, and nothing inside of strings, however the bytes are cut", () => {
  const values = [1, "a,[{:", '\\",', "\\", { "k:{": [null, {}, []], "": "é€🙂,Ģ" }, "\u0122"]
  const list = JSON.stringify(Array.from({ length: 20 }, () => values))
  const count = 1 + (list.replaceAll(/"(?:[^"\\]|\\.)*"/g, "").match(/[,:[{]/g)?.length ?? 0)
  for (const size of [1, 2, 3, 7, 1_000]) {
    const counted = new ValueCount()
    const bytes = Buffer.from(list)
    for (let at = 0; at < bytes.length; at += size) counted.add(bytes.subarray(at, at + size))
    // What is left until the bound, exactly.
    counted.add(Buffer.from(",".repeat(maxJsonValues - count)))
    assert.throws(() => counted.add(Buffer.from(",")), tooMany, `${size}`)
  }
})

test("checkJsonBytes and checkJsonText let through one long text, and as many values as the bound", () => {
  const marks = '\\",[{:'.repeat(maxJsonValues)
  const list = `[${"1,".repeat(maxJsonValues - 2)}1]`
  for (const text of [`"${marks}"`, list]) {
    checkJsonText(text)
    checkJsonBytes(Buffer.from(text))
  }
  for (const text of [`[1,${list.slice(1)}`, "[".repeat(maxJsonValues + 1), '{"":'.repeat(maxJsonValues / 2)]) {
    assert.throws(() => checkJsonText(text), tooMany)
    assert.throws(() => checkJsonBytes(Buffer.from(text)), tooMany)
  }
})
