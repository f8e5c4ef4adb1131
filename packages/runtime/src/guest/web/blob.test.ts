import { test } from "node:test"
import { createChunkGuest, sameAsNode } from "./chunk-guest.ts"

test("Blob holds, slices and reads as Node's", async () => {
  await using guest = await createChunkGuest(["fetch", "streams"])
  await sameAsNode(
    guest,
    `const bytes = new Uint8Array([104, 195, 169, 255])
    const blob = new Blob(["a\\ud800", bytes, bytes.buffer, new DataView(bytes.buffer, 1, 2), new Blob(["é"]), 7,
      { toString: () => "o" }], { type: "Text/Plain;A=B" })
    bytes[0] = 0
    const read = async (part) => [part.size, part.type, await part.text(), [...await part.bytes()],
      (await part.arrayBuffer()).byteLength]
    const slices = [[], [2], [2, 5], [-3], [-3, -1], [5, 2], [0, 99, "X/y"], [NaN, undefined, "\\u0100"], [1.7, 3.2],
      [0.5, 3.5], [-2.5], [null, null]]
    const stream = []; for await (const chunk of blob.stream()) stream.push(...chunk)
    return [await read(blob), await Promise.all(slices.map((args) => read(blob.slice(...args)))), stream,
      await read(new Blob()), await read(new Blob(["a\\r\\nb\\rc"], { endings: "native" })),
      Object.prototype.toString.call(blob), Blob.name, (await new Blob([]).stream().getReader().read()).done,
        await new Blob(["\\ufeffx"]).text()]`,
  )
})

test("File has a name and a time, and is a Blob", async () => {
  await using guest = await createChunkGuest(["fetch"])
  await sameAsNode(
    guest,
    `const file = new File(["x"], "n\\ud800/é", { type: "a/b", lastModified: 12 })
    const failed = (act) => { try { act(); return "no error" } catch (error) { return error.name } }
    return [file.name, file.lastModified, file.type, file.size, await file.text(), file instanceof Blob,
      file.slice(0, 1) instanceof File, File.name,
      Object.prototype.toString.call(file), Math.abs(new File([], "").lastModified - Date.now()) < 1000,
      failed(() => new File([])), failed(() => new Blob("text")), failed(() => new Blob([], 1)),
        failed(() => new Blob(5)), failed(() => Blob([])), failed(() => new Blob({})),
          failed(() => new Blob([Symbol()]))]`,
  )
})
