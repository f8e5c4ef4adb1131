import assert from "node:assert/strict"
import { test } from "node:test"
import * as zlib from "node:zlib"
import { createChunkGuest } from "./chunk-guest.ts"
import type { Guest } from "./isolate-harness.ts"

const formats = {
  gzip: { pack: zlib.gzipSync, unpack: zlib.gunzipSync },
  deflate: { pack: zlib.deflateSync, unpack: zlib.inflateSync },
  "deflate-raw": { pack: zlib.deflateRawSync, unpack: zlib.inflateRawSync },
} as const

const samples = [
  Buffer.alloc(0),
  Buffer.from("a"),
  Buffer.from("hello hello hello ".repeat(20_000)),
  Buffer.from(Uint32Array.from({ length: 50_000 }, (_, index) => Math.imul(index, 2_654_435_761)).buffer),
]

/** Feeds base64 chunks; gives base64, or the name of the error. */
function run(guest: Guest, make: string, chunks: readonly Uint8Array[]): Promise<unknown> {
  const texts = chunks.map((chunk) => Buffer.from(chunk).toString("base64"))
  return guest.evaluate(`
    const bytes = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0)); const parts = []
    const source = ReadableStream.from(${JSON.stringify(texts)}.map(bytes))
    try { for await (const part of source.pipeThrough(${make})) parts.push(part) } catch (error) { return error.name }
    let text = ""; for (const part of parts) for (const byte of part) text += String.fromCharCode(byte)
    return btoa(text)`)
}

const cut = (bytes: Uint8Array, size: number) =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
    bytes.subarray(index * size, index * size + size),
  )

for (const [format, { pack, unpack }] of Object.entries(formats)) {
  test(`CompressionStream("${format}") is read by zlib`, async () => {
    await using guest = await createChunkGuest(["streams", "compression"])
    for (const sample of samples) {
      for (const size of [7_001, 1_000_000]) {
        const packed = await run(guest, `new CompressionStream("${format}")`, cut(sample, size))
        assert.ok(unpack(Buffer.from(String(packed), "base64")).equals(sample))
      }
    }
  })

  test(`DecompressionStream("${format}") reads zlib`, async () => {
    await using guest = await createChunkGuest(["streams", "compression"])
    for (const sample of samples) {
      for (const level of [0, 1, 9]) {
        const packed = pack(sample, { level })
        for (const size of [packed.length < 2_000 ? 1 : 997, 1_000_000]) {
          const unpacked = await run(guest, `new DecompressionStream("${format}")`, cut(packed, size))
          assert.equal(unpacked, sample.toString("base64"))
        }
      }
    }
  })

  test(`DecompressionStream("${format}") refuses trailing, truncated and missing data`, async () => {
    await using guest = await createChunkGuest(["streams", "compression"])
    const make = `new DecompressionStream("${format}")`
    const packed = pack(Buffer.from("hello hello hello"))
    assert.equal(await run(guest, make, [packed, Uint8Array.of(0)]), "TypeError")
    assert.equal(await run(guest, make, [Buffer.concat([packed, Buffer.of(1)])]), "TypeError")
    assert.equal(await run(guest, make, [Buffer.concat([packed, packed])]), "TypeError")
    for (let length = 0; length < packed.length; length++) {
      assert.equal(
        await run(guest, make, [packed.subarray(0, length)]),
        "TypeError",
        `${length} of ${packed.length} bytes`,
      )
    }
    assert.equal(await run(guest, make, []), "TypeError")
  })
}

for (const format of ["gzip", "deflate"] as const) {
  test(`DecompressionStream("${format}") refuses a change of any byte that matters`, async () => {
    await using guest = await createChunkGuest(["streams", "compression"])
    const packed = formats[format].pack(Buffer.from("hello hello hello"))
    const make = `new DecompressionStream("${format}")`
    for (let at = 0; at < packed.length; at++) {
      // The time, the flags for the compressor and the operating system of a gzip header mean nothing.
      if (format === "gzip" && at >= 4 && at <= 9) continue
      const changed = Buffer.from(packed)
      changed[at] = (changed[at] ?? 0) ^ 0x40
      assert.equal(await run(guest, make, [changed]), "TypeError", `byte ${at}`)
    }
  })
}

test("DecompressionStream reads a gzip header with a name, a comment and an extra field", async () => {
  await using guest = await createChunkGuest(["streams", "compression"])
  const packed = zlib.gzipSync("x")
  const head = Buffer.of(0x1f, 0x8b, 8, 4 | 8 | 16 | 2, 0, 0, 0, 0, 0, 3, 2, 0, 9, 9, 110, 0, 99, 99, 0, 5, 5)
  const bytes = Buffer.concat([head, packed.subarray(10)])
  assert.equal(await run(guest, `new DecompressionStream("gzip")`, cut(bytes, 1)), Buffer.from("x").toString("base64"))
})

test("compression streams refuse other formats and chunks that are not bytes", async () => {
  await using guest = await createChunkGuest(["streams", "compression"])
  const result = await guest.evaluate(`
    const failed = (act) => { try { act(); return "no error" } catch (error) { return error.name } }
    const text = async (pair) => { try { for await (const chunk of ReadableStream.from(["text"]).pipeThrough(pair));
    return "no error" } catch (error) { return error.name } }
    const stream = new CompressionStream("gzip")
    return [failed(() => new CompressionStream("br")), failed(() => new DecompressionStream()),
      await text(new CompressionStream("gzip")), await text(new DecompressionStream("gzip")),
      CompressionStream.name, DecompressionStream.name, Object.prototype.toString.call(stream),
        stream.readable instanceof ReadableStream, stream.writable instanceof WritableStream]`)
  const tail = ["CompressionStream", "DecompressionStream", "[object CompressionStream]", true, true]
  assert.deepEqual(result, [...Array(4).fill("TypeError"), ...tail])
})
