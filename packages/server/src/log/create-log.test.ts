import assert from "node:assert/strict"
import { mkdtempSync, openSync, readFileSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, describe, it } from "node:test"
import { createLog } from "./create-log.ts"
import { openGuestLog } from "./guest-log.ts"
import { prettyLine } from "./pretty-line.ts"

const folder = mkdtempSync(join(tmpdir(), "mayfly-log-"))
after(() => rmSync(folder, { recursive: true }))

const linesOf = (path: string): Record<string, unknown>[] =>
  readFileSync(path, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>)

describe("createLog", () => {
  it("writes JSON lines of its level and above, in order, each bounded", () => {
    const path = join(folder, "log")
    {
      using opened = createLog({ level: "info", format: "json", descriptor: openSync(path, "w") })
      opened.log({ level: "debug", message: "no" })
      for (let count = 0; count < 1_000; count++) opened.log({ level: "info", message: "yes", count })
      opened.log({ level: "error", message: "x".repeat(1 << 20), stack: "s".repeat(1 << 20), requestId: "r\n1" })
    }
    const lines = linesOf(path)
    assert.deepEqual(
      lines.slice(0, 1_000).map(({ count }) => count),
      Array.from({ length: 1_000 }, (_, at) => at),
    )
    const { time, ...last } = lines[1_000] ?? {}
    assert.equal(typeof time, "number")
    const text = 16 << 10
    assert.deepEqual(last, { level: "error", message: "x".repeat(text), stack: "s".repeat(text), requestId: "r\n1" })
  })

  it("writes lines that nothing follows, too", { timeout: 10_000 }, async () => {
    const path = join(folder, "few")
    using opened = createLog({ level: "info", format: "json", descriptor: openSync(path, "w") })
    const come = async (count: number): Promise<void> => {
      while (readFileSync(path, "utf8").split("\n").length <= count)
        await new Promise((resolve) => setImmediate(resolve))
    }
    opened.log({ level: "info", message: "one" })
    await come(1)
    opened.log({ level: "info", message: "two" })
    opened.log({ level: "warn", message: "three" })
    await come(3)
    assert.deepEqual(
      linesOf(path).map(({ message }) => message),
      ["one", "two", "three"],
    )
  })
})

describe("prettyLine", () => {
  it("shows no control character of a stranger's", () => {
    const line = prettyLine(
      JSON.stringify({ level: "error", time: 0, message: "a\u001b[2Jb\nc", key: "\u202e", stack: "x\u0007\ny" }),
    )
    // Only our own colours and line ends.
    assert.deepEqual([...line.replaceAll(/\u001b\[\d+m/g, "").matchAll(/[^\x20-\x7e]/g)].map(String), [
      "\n",
      "\n",
      "\n",
    ])
    assert.match(line, /"a\\u001b\[2Jb\\nc" key="\\u202e"/)
  })
})

describe("openGuestLog", () => {
  it("keeps lines of programs apart, with run and tenant, and turns the file over when it is full", async () => {
    const target = join(folder, "guests")
    {
      await using guests = openGuestLog({ target, maxBytes: 2_000 })
      for (let count = 0; count < 30; count++)
        guests.write({ tenant: "t", runId: `run_${count}`, level: "log", message: "m".repeat(50), time: count })
    }
    const all = [...linesOf(`${target}.1`), ...linesOf(target)]
    assert.ok(statSync(target).size <= 2_000 && statSync(`${target}.1`).size <= 2_000)
    assert.equal(statSync(target).mode & 0o777, 0o600)
    assert.deepEqual(all.at(-1), { tenant: "t", runId: "run_29", level: "log", message: "m".repeat(50), time: 29 })
  })

  it("drops what a slow disk can't take", async () => {
    const target = join(folder, "flood")
    {
      await using guests = openGuestLog({ target, maxBytes: 2 ** 30 })
      // In one turn: nothing can have been written meanwhile.
      for (let count = 0; count < 1_000; count++)
        guests.write({ tenant: "t", runId: "r", level: "log", message: "m".repeat(1 << 20), time: count })
    }
    const lines = linesOf(target)
    assert.ok(lines.length > 100 && lines.length < 400, String(lines.length))
    assert.ok(lines.every(({ message }) => String(message).length === 16 << 10))
  })

  it("says at the start when it can't be written", () => {
    assert.throws(() => openGuestLog({ target: join(folder, "no", "such"), maxBytes: 2_000 }), /ENOENT/)
  })
})
