import assert from "node:assert/strict"
import { test } from "node:test"
import { createSubtle } from "../../host/subtle.ts"
import { createChunkGuest, sameAsNode } from "./chunk-guest.ts"
import type { Guest } from "./isolate-harness.ts"

function createSubtleGuest(): Promise<Guest> {
  const subtle = createSubtle()
  return createChunkGuest(["subtle"], {
    globals: { subtle: ["subtle", "CryptoKey", "SubtleCrypto"] },
    request: (operation, payload) => {
      assert.equal(operation, "subtle")
      return subtle.perform(payload)
    },
  })
}

const prelude = `
  const subtle = globalThis.subtle ?? crypto.subtle
  const text = (value) => new TextEncoder().encode(value)
  const hex = (buffer) => [...new Uint8Array(buffer)].map((byte) => byte.toString(16).padStart(2, "0")).join("")
  const why = async (act) => { try { await act(); return "no error" } catch (error) { return [error.name,
    error instanceof Error] } }
  const show = (key) => [key.type, key.extractable, key.algorithm.name, key.algorithm.length,
    key.algorithm.namedCurve, key.algorithm.hash?.name, key.algorithm.modulusLength,
    key.algorithm.publicExponent && [...key.algorithm.publicExponent], key.usages,
      Object.prototype.toString.call(key), key instanceof CryptoKey]
  const data = text("the data")
  const raw = Uint8Array.from({ length: 32 }, (_, index) => index)`

test("digest gives what Node gives", async () => {
  await using guest = await createSubtleGuest()
  await sameAsNode(
    guest,
    `${prelude}
    const inputs = [data, data.buffer, new DataView(data.buffer, 2, 3), data.subarray(1, 4), new Uint16Array(5),
      new Uint8Array()]
    const all = []; for (const name of ["SHA-1", "sha-256", { name: "SHA-384" },
      "SHA-512"]) for (const input of inputs) all.push(hex(await subtle.digest(name, input)))
    const moving = text("a"); const promise = subtle.digest("SHA-256", moving); moving[0] = 0
    const result = await subtle.digest("SHA-256", data)
    return [all, hex(await promise), result instanceof ArrayBuffer, result.byteLength]`,
  )
})

test("HMAC and AES give what Node gives", async () => {
  await using guest = await createSubtleGuest()
  await sameAsNode(
    guest,
    `${prelude}
    const hmac = await subtle.importKey("raw", raw, { name: "HMAC", hash: "SHA-256" }, true, ["sign", "verify"])
    const signature = await subtle.sign("HMAC", hmac, data)
    const aes = []
    for (const algorithm of [{ name: "AES-GCM", iv: raw.subarray(0, 12), additionalData: text("more"),
      tagLength: 96 }, { name: "AES-CBC", iv: raw.subarray(0, 16) }, { name: "AES-CTR", counter: raw.subarray(0, 16),
        length: 64 }]) {
      const key = await subtle.importKey("raw", raw, algorithm.name, true, ["encrypt", "decrypt"])
      const secret = await subtle.encrypt(algorithm, key, data)
      const broken = new Uint8Array(secret.slice(0)); broken[broken.length - 1] ^= 1
      aes.push([show(key), hex(secret), new TextDecoder().decode(await subtle.decrypt(algorithm, key, secret)),
        algorithm.name === "AES-GCM" ? await why(() => subtle.decrypt(algorithm, key, broken)) : 0])
    }
    return [show(hmac), hex(signature), await subtle.verify("HMAC", hmac, signature, data),
      await subtle.verify("HMAC", hmac, signature, text("other")), hex(await subtle.exportKey("raw", hmac)),
      await subtle.exportKey("jwk", hmac), aes]`,
  )
})

test("HKDF and PBKDF2 derive what Node derives", async () => {
  await using guest = await createSubtleGuest()
  await sameAsNode(
    guest,
    `${prelude}
    const all = []
    for (const algorithm of [{ name: "HKDF", hash: "SHA-384", salt: text("s"), info: text("i") }, { name: "PBKDF2",
      hash: { name: "SHA-512" }, salt: text("s"), iterations: 1000 }]) {
      const key = await subtle.importKey("raw", raw, algorithm.name, false, ["deriveBits", "deriveKey"])
      const aes = await subtle.deriveKey(algorithm, key, { name: "AES-GCM", length: 256 }, true, ["encrypt"])
      const hmac = await subtle.deriveKey(algorithm, key, { name: "HMAC", hash: "SHA-1" }, true, ["sign"])
      all.push([show(key), hex(await subtle.deriveBits(algorithm, key, 160)), show(aes),
        hex(await subtle.exportKey("raw", aes)), show(hmac), hex(await subtle.exportKey("raw", hmac))])
    }
    return all`,
  )
})

test("generated key pairs sign, verify, agree and travel through every format", async () => {
  await using guest = await createSubtleGuest()
  await sameAsNode(
    guest,
    `${prelude}
    const rsa = { modulusLength: 2048, publicExponent: Uint8Array.of(1, 0, 1), hash: "SHA-256" }
    const signers = [["Ed25519", "Ed25519"], [{ name: "ECDSA", namedCurve: "P-256" }, { name: "ECDSA",
      hash: "SHA-256" }], [{ name: "ECDSA", namedCurve: "P-521" }, { name: "ECDSA", hash: "SHA-512" }],
      [{ name: "RSASSA-PKCS1-v1_5", ...rsa }, "RSASSA-PKCS1-v1_5"], [{ name: "RSA-PSS", ...rsa }, { name: "RSA-PSS",
        saltLength: 32 }]]
    const all = []
    for (const [algorithm, how] of signers) {
      const { publicKey, privateKey } = await subtle.generateKey(algorithm, true, ["sign", "verify"])
      const again = await subtle.importKey("pkcs8", await subtle.exportKey("pkcs8", privateKey), algorithm, false,
        ["sign"])
      const viaJwk = await subtle.importKey("jwk", await subtle.exportKey("jwk", publicKey), algorithm, true,
        ["verify"])
      const viaSpki = await subtle.importKey("spki", await subtle.exportKey("spki", publicKey), algorithm, true,
        ["verify"])
      const signature = await subtle.sign(how, again, data)
      all.push([show(publicKey), show(privateKey), show(again), await subtle.verify(how, publicKey, signature, data),
        await subtle.verify(how, viaJwk, signature, data), await subtle.verify(how, viaSpki, signature, raw),
        Object.keys(await subtle.exportKey("jwk", privateKey)).sort(), await why(() => subtle.exportKey("pkcs8",
          again)), await why(() => subtle.sign(how, publicKey, data))])
    }
    for (const algorithm of ["X25519", { name: "ECDH", namedCurve: "P-384" }]) {
      const one = await subtle.generateKey(algorithm, true, ["deriveBits"]);
      const two = await subtle.generateKey(algorithm, false, ["deriveBits", "deriveKey"])
      const name = algorithm.name ?? algorithm; const exported = await subtle.importKey("raw",
        await subtle.exportKey("raw", one.publicKey), algorithm, true, [])
      const left = hex(await subtle.deriveBits({ name, public: two.publicKey }, one.privateKey, 256));
      const right = hex(await subtle.deriveBits({ name, public: exported }, two.privateKey, 256))
      all.push([show(one.publicKey), show(two.privateKey), left === right, left.length])
    }
    const oaep = await subtle.generateKey({ name: "RSA-OAEP", ...rsa }, true, ["encrypt", "decrypt", "wrapKey",
      "unwrapKey"])
    const plain = await subtle.decrypt({ name: "RSA-OAEP", label: text("l") }, oaep.privateKey,
      await subtle.encrypt({ name: "RSA-OAEP", label: text("l") }, oaep.publicKey, data))
    return [all, show(oaep.publicKey), hex(plain)]`,
  )
})

test("keys are wrapped and unwrapped as Node does", async () => {
  await using guest = await createSubtleGuest()
  await sameAsNode(
    guest,
    `${prelude}
    const secret = await subtle.importKey("raw", raw, { name: "HMAC", hash: "SHA-256" }, true, ["sign"]);
    const all = []
    for (const [name, how] of [["AES-KW", "AES-KW"], ["AES-GCM", { name: "AES-GCM", iv: raw.subarray(0,
      12) }]]) for (const format of ["raw", "jwk"]) {
      if (name === "AES-KW" && format === "jwk") continue
      const key = await subtle.importKey("raw", raw, name, false, ["wrapKey", "unwrapKey"]);
      const wrapped = await subtle.wrapKey(format, secret, key, how)
      const back = await subtle.unwrapKey(format, wrapped, key, how, { name: "HMAC", hash: "SHA-256" }, true,
        ["sign"])
      all.push([hex(wrapped).length, show(back), hex(await subtle.exportKey("raw", back))])
    }
    return all`,
  )
})

test("subtle refuses what Node refuses, by the same names", async () => {
  await using guest = await createSubtleGuest()
  await sameAsNode(
    guest,
    `${prelude}
    const key = await subtle.importKey("raw", raw, { name: "HMAC", hash: "SHA-256" }, false, ["sign"])
    const acts = [() => subtle.digest("MD5", data), () => subtle.digest("SHA-256"), () => subtle.digest("SHA-256",
      "text"), () => subtle.digest({}, data), () => subtle.sign("HMAC", {}, data), () => subtle.verify("HMAC", key,
        data, data),
      () => subtle.exportKey("raw", key), () => subtle.importKey("raw", raw, "AES-GCM", true, ["sign"]),
        () => subtle.importKey("raw", raw.subarray(1), "AES-GCM", true, ["encrypt"]), () => subtle.importKey("nope",
          raw, "AES-GCM", true, ["encrypt"]),
      () => subtle.generateKey({ name: "AES-GCM", length: 100 }, true, ["encrypt"]),
        () => subtle.generateKey({ name: "AES-GCM", length: 256 }, true, []),
          () => subtle.generateKey({ name: "ECDSA", namedCurve: "P-1" }, true, ["sign"]),
      () => subtle.importKey("pkcs8", raw, { name: "ECDSA", namedCurve: "P-256" }, true, ["sign"]),
        () => subtle.importKey("jwk", { kty: "oct" }, "AES-GCM", true, ["encrypt"]),
          () => subtle.encrypt({ name: "AES-GCM", iv: raw }, key, data),
      () => subtle.importKey("raw", raw, { name: "HMAC" }, true, ["sign"]),
        () => SubtleCrypto.prototype.digest.call({}, "SHA-1", data)]
    const failed = (act) => { try { act(); return "no error" } catch (error) { return error.name } }
    const all = []; for (const act of acts) all.push(await why(act))
    return [all, failed(() => new CryptoKey()), failed(() => new SubtleCrypto()),
      Object.prototype.toString.call(subtle), subtle.digest.length, subtle.importKey.name]`,
  )
})

test("errors are DOMExceptions of the guest's own realm", async () => {
  await using guest = await createSubtleGuest()
  const result = await guest.evaluate(`
    try { await subtle.digest("MD5", new Uint8Array()) } catch (error) { return [error instanceof DOMException,
      error.name, error.stack.includes("node:")] }`)
  assert.deepEqual(result, [true, "NotSupportedError", false])
})
