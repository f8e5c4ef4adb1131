import assert from "node:assert/strict"
import { test } from "node:test"
import type { Client } from "@modelcontextprotocol/client"

interface Answer {
  readonly isError?: boolean
  readonly text: string
  readonly data: Record<string, unknown>
}

/** What every way to reach the tools must do. `allowed` is an origin that the operator allows, if any. */
export function mcpSuite(connected: () => Client, decide: (link: string) => Promise<void>): void {
  async function call(name: string, args: Record<string, unknown>): Promise<Answer> {
    const { isError, content, structuredContent } = await connected().callTool({ name, arguments: args })
    const [first] = content as { type: string; text: string }[]
    return {
      ...(isError === undefined ? {} : { isError: Boolean(isError) }),
      text: first?.text ?? "",
      data: (structuredContent ?? {}) as Record<string, unknown>,
    }
  }

  test("run_code gives the result, logs and usage of a program", async () => {
    const { text, data, isError } = await call("run_code", {
      code: "console.log('hi'); return input.a + 1",
      input: { a: 1 },
    })
    const { id, usage, ...rest } = data
    assert.equal(text, "Result:\n2\n\nLogs:\n[log] hi")
    assert.deepEqual(rest, { ok: true, result: 2, logs: [{ level: "log", message: "hi" }], denied: [] })
    assert.match(String(id), /^run_/)
    assert.equal(typeof (usage as { cpuMs: number }).cpuMs, "number")
    assert.equal(isError, undefined)
  })

  test("run_code says where a program failed, and limits hold", async () => {
    const thrown = await call("run_code", { code: "const a = 1\nthrow new RangeError('too far')" })
    assert.equal(thrown.isError, true)
    assert.match(thrown.text, /^Failed: RangeError: too far\n.*main\.js:2:/)
    const endless = await call("run_code", { code: "for (;;) {}", cpu_ms: 20 })
    assert.match(endless.text, /worker\.cpu-limit/)
  })

  test("what is not allowed is denied before and during a run, with the way out", async () => {
    const before = await call("run_code", { code: "1", origins: ["https://not-allowed.example"] })
    assert.equal(before.isError, true)
    assert.match(before.text, /mesh\.denied[^]*set ask to true/)
    const during = await call("run_code", { code: "await fetch('https://not-allowed.example/a')" })
    assert.match(during.text, /mesh\.denied[^]*Denied: https:\/\/not-allowed\.example/)
    assert.deepEqual(during.data["denied"], [{ origin: "https://not-allowed.example", reason: "no-rule" }])
    const { contents } = await connected().readResource({ uri: `mayfly://ledger/${String(during.data["id"])}` })
    const [first] = contents as { text: string }[]
    const { rows } = JSON.parse(first?.text ?? "") as { rows: { decision: string; origin: string }[] }
    assert.deepEqual(
      rows.map(({ decision, origin }) => [decision, origin]),
      [["deny", "https://not-allowed.example"]],
    )
  })

  test("paths and ids of an agent lead to no other route of the API", async () => {
    const up = "../../../keys"
    for (const [name, args] of [
      ["sandbox_read_file", { path: up }],
      ["sandbox_read_file", { path: `/${up}` }],
      ["sandbox_read_file", { sandbox: "..", path: "x" }],
      ["sandbox_write_file", { path: "../../../secrets/TOKEN", content: '{"value":"x"}' }],
      ["get_workflow", { id: ".." }],
      ["workflow_history", { id: ".." }],
    ] as const) {
      const { isError, text } = await call(name, args)
      assert.equal(isError, true)
      assert.match(text, /^(?:input\.invalid|sandbox\.\S+):/, name)
    }
  })

  test("a workflow runs its steps, and a person's approval reaches the agent", async () => {
    const steps = [
      { name: "one", code: "() => 20" },
      { name: "two", code: "(input) => input + 1", input: { $from: "one" } },
    ]
    const { data } = await call("start_workflow", { steps })
    await until(async () => (await call("get_workflow", { id: data["id"] })).data["status"] === "complete")
    assert.equal((await call("get_workflow", { id: data["id"] })).data["output"], 21)
    const asked = await call("ask_for_approval", { question: "Deploy to production?" })
    await decide(String(asked.data["link"]))
    await until(async () => (await call("get_workflow", { id: asked.data["id"] })).data["status"] === "complete")
  })

  test("bad arguments and unknown ids are answers, not crashes", async () => {
    assert.equal((await call("get_workflow", { id: "not-there" })).isError, true)
    assert.match((await call("get_workflow", { id: "not-there" })).text, /workflow\.not-found/)
    assert.equal((await call("run_code", {})).isError, true)
    assert.equal((await call("run_code", { code: 5 })).isError, true)
  })
}

/** Polls, as an agent does. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 500; attempt++) {
    if (await isSo()) return
  }
  assert.fail("it did not happen")
}
