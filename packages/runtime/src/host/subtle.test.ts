import assert from "node:assert/strict"
import { test } from "node:test"
import { decodeValue, encodeValue } from "@mayfly/protocol/clone"
import { createSubtle } from "./subtle.ts"

type Answer = { kind: string; name?: string; message?: string; key?: { id: number } }

const operate = async (subtle: ReturnType<typeof createSubtle>, method: unknown, args: unknown): Promise<Answer> =>
  decodeValue(await subtle.perform(encodeValue({ method, args }))) as Answer

const bytes = new Uint8Array(32)
const hmac = { name: "HMAC", hash: "SHA-256" }

async function nameOf(method: unknown, args: unknown): Promise<string | undefined> {
  const { kind, name } = await operate(createSubtle(), method, args)
  return kind === "error" ? name : kind
}

test("createSubtle performs only the methods of the standard", async () => {
  for (const method of ["constructor", "__proto__", "supports", "encapsulateBits", "", 1, null]) {
    assert.equal(await nameOf(method, [{}, {}, {}]), "NotSupportedError")
  }
  for (const args of [null, {}, "text", Array(9).fill(1)]) assert.equal(await nameOf("digest", args), "SyntaxError")
})

test("createSubtle answers malformed payloads with an error, never a rejection", async () => {
  for (const payload of ["", "garbage", "j{", "jnull", "j1", "t[]", encodeValue(null), encodeValue([])]) {
    const { kind } = decodeValue(await createSubtle().perform(payload)) as Answer
    assert.equal(kind, "error")
  }
})

test("an error has a name and a message only", async () => {
  const answer = await operate(createSubtle(), "importKey", [
    "pkcs8",
    bytes,
    { name: "ECDSA", namedCurve: "P-256" },
    true,
    ["sign"],
  ])
  assert.deepEqual(Object.keys(answer), ["kind", "name", "message"])
  assert.equal(JSON.stringify(answer).includes("node:"), false)
})

test("createSubtle refuses handles of other runs, forged handles and other objects", async () => {
  const one = createSubtle()
  const { key } = await operate(one, "importKey", ["raw", bytes, hmac, false, ["sign"]])
  assert.equal((await operate(one, "sign", ["HMAC", { $key: key?.id }, bytes])).kind, "bytes")
  assert.equal((await operate(createSubtle(), "sign", ["HMAC", { $key: key?.id }, bytes])).name, "InvalidAccessError")
  for (const $key of [0, 2, -1, "1", null, [1], {}]) {
    assert.equal((await operate(one, "sign", ["HMAC", { $key }, bytes])).name, "InvalidAccessError")
  }
  for (const other of [new Map(), new Date(0), /x/, new Error("x")]) {
    assert.equal((await operate(one, "sign", ["HMAC", other, bytes])).name, "SyntaxError")
  }
})

test("createSubtle bounds the keys of a run", async () => {
  const subtle = createSubtle()
  const make = () => operate(subtle, "importKey", ["raw", bytes, hmac, false, ["sign"]])
  const kinds = await Promise.all(Array.from({ length: 1_001 }, make))
  assert.deepEqual([kinds[999]?.kind, kinds[1_000]?.name], ["key", "OperationError"])
})

test("createSubtle bounds the size and the depth of a payload", async () => {
  const tooLong = decodeValue(await createSubtle().perform("x".repeat(32 * 1024 * 1024 + 1))) as Answer
  assert.equal(tooLong.name, "OperationError")
  let deep: unknown = "SHA-1"
  for (let level = 0; level < 1_000; level++) deep = { name: deep }
  assert.equal(await nameOf("digest", [deep, bytes]), "SyntaxError")
})

test("createSubtle bounds what waits", async () => {
  const subtle = createSubtle()
  const payload = "x".repeat(30 * 1024 * 1024)
  const answers = await Promise.all([1, 2, 3].map(() => subtle.perform(payload)))
  assert.deepEqual(
    answers.map((answer) => (decodeValue(answer) as Answer).message === "The data of all operations is too large"),
    [false, false, true],
  )
})

test("createSubtle refuses operations that would take long", async () => {
  const rsa = { name: "RSA-PSS", modulusLength: 2048, publicExponent: Uint8Array.of(1, 0, 1), hash: "SHA-256" }
  const generate = (change: object) => nameOf("generateKey", [{ ...rsa, ...change }, true, ["sign"]])
  assert.equal(await generate({ modulusLength: 16_384 }), "OperationError")
  assert.equal(await generate({ modulusLength: "16384" }), "OperationError")
  assert.equal(await generate({ modulusLength: [16_384] }), "OperationError")
  assert.equal(await generate({ publicExponent: Uint8Array.of(2) }), "NotSupportedError")
  assert.equal(await nameOf("generateKey", [{ ...hmac, length: 2 ** 31 }, true, ["sign"]]), "OperationError")
  assert.equal(await nameOf("generateKey", [{ name: "ML-KEM-768" }, true, ["sign"]]), "NotSupportedError")
  assert.equal(
    await nameOf("generateKey", [{ name: ["RSA-PSS"], modulusLength: 2048 }, true, ["sign"]]),
    "NotSupportedError",
  )
  assert.equal(await nameOf("importKey", ["spki", new Uint8Array(100_000), rsa, true, ["verify"]]), "DataError")
  assert.equal(
    await nameOf("importKey", ["jwk", { kty: "RSA", n: "A".repeat(100_000), e: "AQAB" }, rsa, true, ["verify"]]),
    "DataError",
  )
})

test("createSubtle bounds PBKDF2 by its whole work", async () => {
  const subtle = createSubtle()
  const { key } = await operate(subtle, "importKey", ["raw", bytes, "PBKDF2", false, ["deriveBits", "deriveKey"]])
  const derive = async (algorithm: object, length: unknown) =>
    (
      await operate(subtle, "deriveBits", [
        { name: "PBKDF2", hash: "SHA-256", salt: bytes, ...algorithm },
        { $key: key?.id },
        length,
      ])
    ).kind
  assert.equal(await derive({ iterations: 1_000 }, 256), "bytes")
  assert.equal(await derive({ iterations: 20_000_000 }, 256), "error")
  assert.equal(await derive({ iterations: 1_000_000 }, 256 * 11), "error")
  assert.equal(await derive({ iterations: "20000000" }, 256), "error")
  assert.equal(await derive({ iterations: 1 }, 2 ** 31), "error")
  assert.equal(await derive({ iterations: 1 }, "8"), "error")
})

test("createSubtle refuses imported keys whose operations would take long", async () => {
  const rsa = { name: "RSA-PSS", hash: "SHA-256" }
  const importPublic = (modulusBytes: number) => {
    const n = Buffer.alloc(modulusBytes, 0xff).toString("base64url")
    return nameOf("importKey", ["jwk", { kty: "RSA", n, e: "AQAB" }, rsa, true, ["verify"]])
  }
  assert.equal(await importPublic(1_024), "key")
  assert.equal(await importPublic(2_048), "NotSupportedError")
})

test("dispose keeps what waits from starting", async () => {
  const subtle = createSubtle()
  const answers = [1, 2, 3].map(() => operate(subtle, "digest", ["SHA-1", bytes]))
  subtle.dispose()
  subtle.dispose()
  assert.deepEqual(
    (await Promise.all(answers)).map(({ message }) => message),
    Array(3).fill("The run has ended"),
  )
})

test("createSubtle bounds how many operations wait", async () => {
  const subtle = createSubtle()
  const answers = Array.from({ length: 10_001 }, () => operate(subtle, "digest", ["SHA-1", bytes]))
  assert.equal((await answers[10_000])?.message, "Too many operations wait")
  subtle.dispose()
  await Promise.all(answers)
})
