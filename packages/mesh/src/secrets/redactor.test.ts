import assert from "node:assert/strict"
import { test } from "node:test"
import { createRedactor } from "./redactor.ts"

const value = 'sk-live/9+Zz"Ä7q'
const secret = { name: "KEY", value }

function redact(pieces: readonly (string | Uint8Array)[], secrets = [secret]): { text: string; found: string[] } {
  const found = new Set<string>()
  const stream = createRedactor(secrets, (name) => found.add(name)).stream()
  const out = pieces.map((piece) => Uint8Array.from(stream.push(Uint8Array.from(Buffer.from(piece)))))
  return { text: Buffer.concat([...out, stream.end()]).toString(), found: [...found] }
}

const forms: Record<string, string> = {
  raw: value,
  JSON: JSON.stringify(value),
  "JSON with escaped slashes": JSON.stringify(value).replaceAll("/", "\\/"),
  "a URL component": encodeURIComponent(value),
  "a URL component in lower case": encodeURIComponent(value).replaceAll(/%../g, (escape) => escape.toLowerCase()),
  "a form": new URLSearchParams({ a: value }).toString(),
  hex: Buffer.from(value).toString("hex"),
  "upper-case hex": Buffer.from(value).toString("hex").toUpperCase(),
  "reversed text": Array.from(value).toReversed().join(""),
  base64: Buffer.from(value).toString("base64"),
  "base64 after one byte": Buffer.from(`:${value}`).toString("base64"),
  "base64 after two bytes": Buffer.from(`a:${value}`).toString("base64"),
  "base64 after many bytes and before others": Buffer.from(`user-name:${value}@example.com`).toString("base64"),
  base64url: Buffer.from(`xy${value}`).toString("base64url"),
}

for (const [name, form] of Object.entries(forms)) {
  test(`createRedactor finds a secret in ${name}`, () => {
    const { text, found } = redact([`before ${form} after`])
    assert.deepEqual(found, ["KEY"])
    assert.equal(Buffer.byteLength(text), Buffer.byteLength(`before ${form} after`))
    assert.match(text, /^before .*\*{8,}.* after$/)
    for (const size of [4, 6, 8]) assert.ok(!text.includes(form.slice(form.length / 2, form.length / 2 + size)))
  })
}

test("createRedactor finds a secret wherever it is split", () => {
  const whole = Buffer.from(`0123 ${value} 4567 ${Buffer.from(value).toString("base64")} end`)
  const { text } = redact([whole])
  for (let at = 1; at < whole.length; at++) {
    for (const pieces of [
      [whole.subarray(0, at), whole.subarray(at)],
      Array.from(whole, (byte) => Uint8Array.of(byte)),
    ]) {
      assert.deepEqual(redact(pieces), { text, found: ["KEY"] })
    }
  }
})

test("createRedactor tells secrets apart that overlap or begin alike", () => {
  const secrets = [
    { name: "A", value: "token-abcdefgh" },
    { name: "B", value: "token-abcd" },
    { name: "C", value: "efgh-tail" },
  ]
  assert.deepEqual(redact(["x token-abcdefgh-tail y"], secrets), {
    text: "x ******************* y",
    found: ["B", "A", "C"],
  })
  assert.deepEqual(redact(["x token-abcz y"], secrets), { text: "x token-abcz y", found: [] })
})

test("createRedactor leaves bytes that hold no secret exactly as they are", () => {
  const bytes = Uint8Array.from({ length: 100_000 }, (_, at) => (at * 7919) >> 3)
  const stream = createRedactor([secret], (name) => assert.fail(name)).stream()
  const copy = Uint8Array.from(bytes)
  const out = Buffer.concat([stream.push(copy.subarray(0, 777)), stream.push(copy.subarray(777)), stream.end()])
  assert.deepEqual(Uint8Array.from(out), bytes)
})

test("text of a redactor keeps text, broken surrogates included, that holds no secret", () => {
  const redactor = createRedactor([secret], () => {})
  assert.equal(redactor.text("lone \ud800 and ä"), "lone \ud800 and ä")
  assert.equal(redactor.text(`key ${value}!`), `key ${"*".repeat(Buffer.byteLength(value))}!`)
})

test("what is kept back depends on lines and lengths, not on what may be the beginning of a secret", () => {
  const given = (text: string): number => createRedactor([secret]).stream().push(Buffer.from(text)).length
  assert.equal(given("data: sk-live\n\n"), "data: sk-live\n\n".length)
  assert.equal(given(`one\nabc ${value.slice(0, 6)}`), given("one\nabc qqqqqq"))
  const long = "x".repeat(10_000)
  assert.equal(given(`${long}${value.slice(0, 6)}`), given(`${long}qqqqqq`))
  assert.ok(given(long) > 9_000)
})

test("after a flush the rest of a secret is still masked", () => {
  const stream = createRedactor([secret]).stream()
  const seen: Buffer[] = []
  const note = (bytes: Uint8Array): void => void seen.push(Buffer.from(bytes))
  const bytes = Buffer.from(value)
  note(stream.push(Uint8Array.from(bytes.subarray(0, 5))))
  assert.equal(stream.isHolding, true)
  note(stream.flush())
  assert.equal(stream.isHolding, false)
  note(stream.push(Uint8Array.from(bytes.subarray(5))))
  note(stream.end())
  assert.equal(Buffer.concat(seen).toString(), value.slice(0, 5) + "*".repeat(bytes.length - 5))
})
