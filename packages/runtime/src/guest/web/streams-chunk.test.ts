import assert from "node:assert/strict"
import { test } from "node:test"
import { createChunkGuest, sameAsNode } from "./chunk-guest.ts"

test("ReadableStream reads, tees and iterates as Node's", async () => {
  await using guest = await createChunkGuest(["streams"])
  await sameAsNode(
    guest,
    `const numbers = (count) => new ReadableStream({ start(c) { for (let i = 0; i < count; i++) c.enqueue(i);
    c.close() } })
    const read = async (stream) => { const all = []; for await (const item of stream) all.push(item); return all }
    const [left, right] = numbers(3).tee()
    const from = await read(ReadableStream.from(["a", Promise.resolve("b")]));
    const generated = await read(ReadableStream.from((async function* () { yield 1; yield 2 })()))
    let cancelled; const early = new ReadableStream({ pull(c) { c.enqueue(1) },
      cancel(reason) { cancelled = reason ?? "none" } }); for await (const item of early) break
    const kept = numbers(3); for await (const item of kept.values({ preventCancel: true })) break
    const reader = numbers(1).getReader(); const first = await reader.read(); const second = await reader.read();
    await reader.closed; reader.releaseLock()
    const failing = new ReadableStream({ start(c) { c.error(new RangeError("x")) } });
    const error = await failing.getReader().read().catch((e) => e.name)
    return [await read(left), await read(right), from, generated, cancelled, await read(kept), first, second, error,
      numbers(0).locked]`,
  )
})

test("byte streams fill the reader's own buffers as Node's", async () => {
  await using guest = await createChunkGuest(["streams"])
  await sameAsNode(
    guest,
    `const stream = new ReadableStream({ type: "bytes", autoAllocateChunkSize: 4,
      pull(c) { const view = c.byobRequest.view; new Uint8Array(view.buffer, view.byteOffset,
        view.byteLength).fill(7); c.byobRequest.respond(Math.min(2, view.byteLength)) } })
    const reader = stream.getReader({ mode: "byob" }); const buffer = new ArrayBuffer(3)
    const one = await reader.read(new Uint8Array(buffer, 1, 2)); reader.releaseLock()
    const plain = stream.getReader(); const two = await plain.read()
    return [[...one.value], one.value.byteOffset, buffer.byteLength, [...two.value]]`,
  )
})

test("pipes carry data, errors, aborts and back pressure as Node's", async () => {
  await using guest = await createChunkGuest(["streams"])
  await sameAsNode(
    guest,
    `const log = []; const sink = () => new WritableStream({ write(chunk) { log.push(chunk) },
      close() { log.push("close") }, abort(reason) { log.push(["abort", String(reason)]) } })
    const numbers = () => new ReadableStream({ start(c) { c.enqueue(1); c.enqueue(2); c.close() } })
    const double = () => new TransformStream({ transform(chunk, c) { c.enqueue(chunk * 2) },
      flush(c) { c.enqueue("end") } })
    await numbers().pipeThrough(double()).pipeThrough(new TransformStream()).pipeTo(sink())
    const failing = new ReadableStream({ start(c) { c.error(new RangeError("source")) } })
    const broken = await failing.pipeTo(sink()).catch((e) => e.message)
    const controller = new AbortController(); const piping = new ReadableStream({}).pipeTo(sink(),
      { signal: controller.signal }).catch((e) => e.name); controller.abort(); const aborted = await piping
    const writer = new WritableStream({ write: () => new Promise(() => {}) },
      new CountQueuingStrategy({ highWaterMark: 2 })).getWriter(); const sizes = [writer.desiredSize];
      writer.write(1).catch(() => {}); sizes.push(writer.desiredSize)
    const bytes = new ReadableStream({ start(c) { c.enqueue(new Uint8Array(3)); log.push(c.desiredSize) } },
      new ByteLengthQueuingStrategy({ highWaterMark: 10 }))
    return [log, broken, aborted, sizes, bytes.locked]`,
  )
})

test("the classes of the streams chunk have their names and tags", async () => {
  await using guest = await createChunkGuest(["streams"])
  await sameAsNode(
    guest,
    `return [ReadableStream, WritableStream, TransformStream, TextEncoderStream, TextDecoderStream,
      CountQueuingStrategy, ByteLengthQueuingStrategy, ReadableStreamDefaultReader, ReadableStreamBYOBReader,
      WritableStreamDefaultWriter, ReadableByteStreamController].map((type) => [type.name,
        Object.prototype.toString.call(Object.create(type.prototype))]).map(([name]) => name)`,
  )
})

test("evaluating the streams chunk calls no one and adds no global", async () => {
  await using guest = await createChunkGuest(["streams"])
  const added = await guest.evaluate(`
    const before = Reflect.ownKeys(globalThis).length; new ReadableStream();
    return Reflect.ownKeys(globalThis).length - before`)
  assert.deepEqual([added, guest.hostCalls], [0, { entropy: 0, ask: 0 }])
})
