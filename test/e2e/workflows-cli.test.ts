import assert from "node:assert/strict"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, test } from "node:test"
import { type Finished, mayfly, startMayfly } from "./mayfly-process.ts"

const timeout = 180_000
const folder = mkdtempSync(join(tmpdir(), "mayfly-workflows-cli-"))
after(() => rmSync(folder, { recursive: true, force: true }))

const approval = `export default { async run(event, step) {
  const order = await step.do("load", async () => ({ total: event.payload.total }))
  const answer = await step.waitForEvent("approval", { type: "decision", timeout: "7 days" })
  if (!answer.payload.approved) throw new Error("refused: \\u001b[31m" + order.total)
  return { paid: order.total }
} }`
writeFileSync(join(folder, "approval.js"), approval)
writeFileSync(join(folder, "steps.json"), JSON.stringify({ steps: [{ name: "one", code: "(n) => n + 1", input: 1 }] }))
writeFileSync(join(folder, "broken.js"), "export default { async run( {")

function workflow(...args: string[]): Promise<Finished> {
  return mayfly(["workflow", ...args, "--data", join(folder, args.includes("--own") ? "own" : "data")], { cwd: folder })
}

function jsonLines(text: string): Record<string, unknown>[] {
  return text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

test("a workflow is started, watched, sent an event, and shown", { timeout }, async () => {
  const server = startMayfly(["serve", "--port", "0", "--data", join(folder, "data")])
  await server.output(/serving at/)
  try {
    const began = await workflow("start", "approval.js", "--id", "a1", "--params", '{"total":7}')
    assert.deepEqual([began.code, began.stderr], [0, ""])
    assert.match(began.stdout, /a1/)
    const watching = startMayfly(["workflow", "watch", "a1", "--data", join(folder, "data")])
    await watching.output(/start +approval/)
    const shown = await workflow("show", "a1")
    assert.match(shown.stdout, /waiting +a1 +event\n.*"approval" waits for "decision", also at \/v1\/hooks\/[\w-]{43}/s)
    assert.equal((await workflow("send", "a1", "decision", '{"approved":true}', "--event-id", "e")).code, 0)
    const watched = await watching.finished
    assert.equal(watched.code, 0, watched.stderr)
    assert.match(watched.stdout, /ok +load +\{"total":7\}\n(?:.*\n)*.*complete +a1\n.*ended.*\n +output \{"paid":7\}/)
    const [first] = jsonLines((await workflow("events", "a1", "--json")).stdout)
    assert.deepEqual([first?.["type"], first?.["cursor"]], ["step", 1])
    const late = await workflow("send", "a1", "decision")
    assert.deepEqual([late.code, /workflow\.ended/.test(late.stderr)], [1, true])

    await workflow("start", "approval.js", "--id", "a2", "--params", '{"total":8}')
    const refused = startMayfly(["workflow", "watch", "a2", "--json", "--data", join(folder, "data")])
    await refused.output(/"phase":"start"/)
    assert.equal((await workflow("pause", "a2")).code, 0)
    assert.equal((await workflow("resume", "a2")).code, 0)
    await workflow("send", "a2", "decision", '{"approved":false}')
    const end = await refused.finished
    assert.equal(end.code, 1)
    assert.deepEqual(jsonLines(end.stdout).at(-1)?.["status"], "errored")
    const look = await workflow("show", "a2")
    assert.match(look.stdout, /error Error: refused/)
    assert.doesNotMatch(look.stdout, /\u001b/)

    assert.equal((await workflow("restart", "a2", "--from", "approval")).code, 0)
    const again = startMayfly(["workflow", "watch", "a2", "--data", join(folder, "data")])
    await again.output(/start +approval[^]*start +approval/)
    again.child.kill("SIGINT")
    assert.equal((await again.finished).code, 130)
    assert.match((await workflow("terminate", "a2")).stdout, /terminated/)
    const ids = jsonLines((await workflow("ls", "--json")).stdout).map(({ id }) => id)
    assert.deepEqual(ids, ["a1", "a2"])
    assert.equal((await workflow("rm", "a2")).code, 0)
    assert.equal((await workflow("show", "a2")).code, 1)
    assert.equal((await workflow("show", "a1", "--tenant", "other")).code, 1)
  } finally {
    server.child.kill("SIGTERM")
    await server.finished
  }
})

test("without a server the command runs it, in its data directory", { timeout }, async () => {
  const own = ["--data", join(folder, "own")]
  const began = await mayfly(["workflow", "start", "-", "--id", "b", ...own], {
    input: JSON.stringify({ steps: [{ name: "one", code: "(n) => n + 1", input: 1 }] }),
  })
  assert.equal(began.code, 0, began.stderr)
  const watched = await mayfly(["workflow", "watch", "b", "--json", ...own])
  assert.equal(watched.code, 0, watched.stderr)
  assert.equal(jsonLines(watched.stdout).at(-1)?.["output"], 2)
})

test("wrong command lines say what is wrong", { timeout }, async () => {
  const own = ["--data", join(folder, "wrong")]
  const cases: [args: string[], code: number, text: RegExp][] = [
    [["start", "missing.js"], 2, /can't be read/],
    [["start", "steps.json", "--params", "{"], 2, /--params is not JSON/],
    [["start", "broken.js"], 1, /worker\.syntax/],
    [["start", "steps.json", "--id", "-"], 2, /id must be/],
    [["show", "nobody"], 1, /workflow\.not-found/],
    [["watch", "nobody"], 1, /workflow\.not-found/],
    [["send", "nobody", "x"], 1, /workflow\.not-found/],
    [["ls", "--status", "sleepy"], 2, /status must be one of/],
    [["ls", "--limit", "x"], 2, /--limit/],
  ]
  for (const [args, code, text] of cases) {
    const finished = await mayfly(["workflow", ...args, ...own], { cwd: folder })
    assert.match(finished.stderr, text, args.join(" "))
    assert.equal(finished.code, code, args.join(" "))
  }
  assert.equal((await mayfly(["workflow", "ls", ...own])).stdout, "")
})
