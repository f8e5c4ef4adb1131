// Documents made to cost much: they cost their own run's memory and CPU, nobody else's.
import assert from "node:assert/strict"
import { after, test } from "node:test"
import { createPlatform } from "@mayfly/platform"
import { attack, codeOf } from "./beside-neighbours.ts"

const platform = await createPlatform({ hosts: 1, spare: false })
after(() => platform.dispose())

const endless = (first: string, more: string): string => `export default async () => {
  const encoder = new TextEncoder()
  const body = new ReadableStream({ start(c) { c.enqueue(encoder.encode(${JSON.stringify(first)})) }, pull(c) { c.enqueue(encoder.encode(${JSON.stringify(more)}.repeat(20000))) } })
  const out = new HTMLRewriter().on("p b", { element(e) { e.after("x") }, text(t) {} }).transform(new Response(body)).body
  const reader = out.getReader()
  for (;;) await reader.read() }`

const documents = {
  "a tag that never ends": endless("<p ", "a=1 "),
  "an attribute that never ends": endless('<p a="', "x"),
  "a comment that never ends": endless("<!--", "x"),
  "elements that are never closed": endless("<p>", "<b>"),
  "end tags of nothing, deep inside": endless("<p>".repeat(10_000), "</q>"),
  "text that never ends": endless("<p><b>", "x"),
}

for (const [name, script] of Object.entries(documents)) {
  test(`${name}: the run ends at its limits`, async () => {
    const { run, peakMb } = await attack(script, { platform, limits: { cpuMs: 1_000, memoryMb: 64 } })
    assert.ok(["worker.cpu-limit", "worker.memory-limit"].includes(codeOf(run)), codeOf(run))
    assert.ok(peakMb < 400, `${peakMb} MiB`)
  })
}
