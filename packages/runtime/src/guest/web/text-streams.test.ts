import { test } from "node:test"
import { createChunkGuest, sameAsNode } from "./chunk-guest.ts"

const through = `const through = async (chunks, pair) => { const all = [];
try { for await (const chunk of ReadableStream.from(chunks).pipeThrough(pair)) all.push(chunk) }
  catch (error) { all.push(error.name) }
  return all }`

test("TextEncoderStream encodes over chunk borders as Node's", async () => {
  await using guest = await createChunkGuest(["streams"])
  const inputs = [
    ["a", "é"],
    ["\ud83d", "\ude00!"],
    ["x\ud83d"],
    ["\ud83d", "y"],
    ["\ud83d", "\ud83d", "\ude00"],
    ["\ude00", "\ud83d", ""],
    ["", ""],
    ["\ud83d", "", "\ude00"],
    [1, null, { a: 1 }],
  ]
  await sameAsNode(
    guest,
    `${through}
    const results = []; for (const input of ${JSON.stringify(inputs)}) results.push((await through(input,
      new TextEncoderStream())).flatMap((chunk) => typeof chunk === "string" ? [chunk] : [...chunk]))
    const stream = new TextEncoderStream()
    return [results, stream.encoding, stream.readable instanceof ReadableStream,
      stream.writable instanceof WritableStream]`,
  )
})

test("TextDecoderStream decodes over chunk borders as Node's", async () => {
  await using guest = await createChunkGuest(["streams"])
  const inputs = [
    [[104], [195], [169]],
    [
      [240, 159],
      [152, 128],
    ],
    [[195]],
    [[255, 65]],
    [
      [239, 187],
      [191, 97],
    ],
    [[]],
    [[0xed, 0xa0, 0x80]],
    [[195], [65]],
  ]
  await sameAsNode(
    guest,
    `${through}
    const results = []
    for (const input of ${JSON.stringify(inputs)}) for (const options of [{}, { fatal: true }, { ignoreBOM: true }])
      results.push((await through(input.map((bytes) => Uint8Array.from(bytes)), new TextDecoderStream("utf-8",
        options))).join(""))
    const stream = new TextDecoderStream("UTF-16le", { fatal: true })
    const failed = (act) => { try { act(); return "no error" } catch (error) { return error.name } }
    return [results, stream.encoding, stream.fatal, stream.ignoreBOM, (await through([Uint8Array.of(61),
      Uint8Array.of(216, 0, 222)], new TextDecoderStream("utf-16le"))).join(""),
      failed(() => new TextDecoderStream("nope")), await through(["text"], new TextDecoderStream()),
        (await through([Uint8Array.of(65).buffer, new DataView(Uint8Array.of(66).buffer)],
          new TextDecoderStream())).join("")]`,
  )
})
