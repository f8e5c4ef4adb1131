import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { after, suite, test } from "node:test"
import { assertOutcome, type CorpusCase, readCorpus, serveCase, withBase } from "../corpus/corpus-case.ts"
import { outcomeOfJson } from "../corpus/outcome-of-json.ts"
import { mayfly } from "./mayfly-process.ts"

const folder = mkdtempSync(join(tmpdir(), "mayfly-corpus-"))
after(() => rmSync(folder, { recursive: true }))

/** A process for each case: all of them only when there is time. */
const sampleSize = 15
const seed = Number(process.env["MAYFLY_SEED"] ?? Date.now() % 2 ** 31)
const cases = readCorpus().filter(({ tools }) => Object.keys(tools).length === 0)
const isFull = process.env["MAYFLY_FULL"] === "1"
console.log(`corpus through the command line: ${isFull ? "all cases" : `${sampleSize} cases, MAYFLY_SEED=${seed}`}`)

await suite("corpus through the command line", { concurrency: 2 }, () => {
  for (const given of isFull ? cases : sample(cases, sampleSize, seed)) {
    test(given.id, async () => {
      const { base, server } = await serveCase(given)
      try {
        const ready = withBase(given, base)
        const { stdout } = await run(ready, base)
        assertOutcome(ready, outcomeOfJson(JSON.parse(stdout)))
      } finally {
        server.close()
      }
    })
  }
})

function run(given: CorpusCase, base: string): ReturnType<typeof mayfly> {
  const { id, code, modules = {}, mainModule = "", input, request, language } = given
  const call =
    request === undefined
      ? input === undefined
        ? []
        : ["--input", JSON.stringify(input)]
      : ["--request", JSON.stringify(request)]
  const flags = ["--json", "--allow", base, "--language", language, ...call]
  if (code !== undefined) return mayfly(["run", "-", ...flags], { input: code })
  for (const [name, text] of Object.entries(modules)) {
    mkdirSync(dirname(join(folder, id, name)), { recursive: true })
    writeFileSync(join(folder, id, name), text)
  }
  return mayfly(["run", join(folder, id, mainModule), ...flags])
}

/** The same cases for the same seed. */
function sample<T>(items: readonly T[], count: number, from: number): T[] {
  const random = mulberry32(from)
  return items
    .map((item) => ({ item, order: random() }))
    .toSorted((a, b) => a.order - b.order)
    .slice(0, count)
    .map(({ item }) => item)
}

function mulberry32(start: number): () => number {
  let state = start
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
