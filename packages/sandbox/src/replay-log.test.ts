import assert from "node:assert/strict"
import { test } from "node:test"
import { ReplayLog } from "./replay-log.ts"

const stdout = (text: string): { stream: "stdout"; data: Buffer } => ({ stream: "stdout", data: Buffer.from(text) })

async function readAll(chunks: AsyncIterable<{ data: Uint8Array }>): Promise<string> {
  let text = ""
  for await (const { data } of chunks) text += Buffer.from(data).toString()
  return text
}

test("every reader sees all of it, from where it began", async () => {
  const log = new ReplayLog(1 << 20)
  log.append(stdout("a"))
  const early = readAll(log.follow({ replay: true }))
  const late = readAll(log.follow({ replay: false }))
  await new Promise((resolve) => setImmediate(resolve))
  log.append({ stream: "stderr", data: Buffer.from("b") })
  log.append(stdout("c"))
  await new Promise((resolve) => setImmediate(resolve))
  log.append(stdout("d"))
  log.end()
  assert.deepEqual(await Promise.all([early, late, readAll(log.follow({ replay: true }))]), ["abcd", "bcd", "abcd"])
  assert.deepEqual(
    log.kept().map(({ stream, data }) => `${stream} ${Buffer.from(data).toString()}`),
    ["stdout a", "stderr b", "stdout cd"],
  )
})

test("single bytes, in one stream or in turns, take no more room than was given", () => {
  const log = new ReplayLog(64 << 10)
  for (let count = 0; count < 200_000; count++) log.append(stdout("x"))
  assert.ok(log.kept().length <= 17)
  assert.equal(log.kept().reduce((sum, { data }) => sum + data.length, 0) + log.droppedBytes, 200_000)
  for (let count = 0; count < 200_000; count++)
    log.append({ stream: count % 2 === 0 ? "stdout" : "stderr", data: Buffer.of(1) })
  assert.ok(log.kept().length <= 17)
})

test("a reader that is too slow skips what was let go; an abort ends it", async () => {
  const log = new ReplayLog(8_192)
  const abort = new AbortController()
  const reader = log.follow({ replay: true, signal: abort.signal })
  log.append(stdout("1".repeat(5_000)))
  assert.equal((await reader.next()).value?.data.length, 5_000)
  for (const digit of ["2", "3", "4"]) log.append(stdout(digit.repeat(5_000)))
  assert.equal(Buffer.from((await reader.next()).value?.data ?? []).toString(), "4".repeat(5_000))
  const waiting = reader.next()
  abort.abort()
  assert.deepEqual(await waiting, { value: undefined, done: true })
})

test("a reader goes on behind a position, or where what is kept begins", async () => {
  const log = new ReplayLog(1 << 20)
  log.append(stdout("ab"))
  log.append({ stream: "stderr", data: Buffer.from("cd") })
  log.append(stdout("e"))
  log.end()
  const from = (after: number): Promise<string> => readAll(log.follow({ replay: false, after }))
  assert.deepEqual(await Promise.all([0, 1, 2, 3, 4, 5, 9].map(from)), ["abcde", "bcde", "cde", "de", "e", "", ""])
  const positions: number[] = []
  for await (const { position } of log.follow({ replay: true })) positions.push(position)
  assert.deepEqual(positions, [2, 4, 5])
  const small = new ReplayLog(8_192)
  for (const digit of ["1", "2"]) small.append(stdout(digit.repeat(5_000)))
  small.end()
  assert.equal(await readAll(small.follow({ replay: false, after: 10 })), "2".repeat(5_000))
})
