import assert from "node:assert/strict"
import { mkdtempSync, rmSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test } from "node:test"
import { createPlatform, type UsageGroup, type UsageReport } from "../index.ts"
import { columnOf } from "./account-columns.ts"
import { counterNames } from "./counters.ts"
import { dayOf } from "./periods.ts"

const small = { hosts: 1, isolates: 2, spare: false } as const

test("usage comes in pages, and as CSV of as many rows as there are", async () => {
  const directory = mkdtempSync(join(tmpdir(), "mayfly-usage-"))
  {
    await using platform = await createPlatform({ ...small, dataDir: directory })
    await platform.usage.query()
  }
  const database = new DatabaseSync(join(directory, "mayfly.db"))
  const others = counterNames.map(columnOf).map((name) => (name === "runs" ? "1" : "0"))
  // More than one page of the CSV, and more than a report may have held.
  database.exec(`WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 24999)
    INSERT INTO accounts_usage SELECT 't' || (i % 5), ${dayOf(Date.parse("2020-02-01"))} + i / 5000, 'w"' || i, ${others.join(", ")} FROM n`)
  database.close()
  await using platform = await createPlatform({ ...small, dataDir: directory })
  const { usage } = platform
  const range = { from: "2020-02-01", to: "2020-02-29" } as const
  const seen: string[] = []
  const query = { ...range, by: ["day", "tenant"], limit: 10 } as const
  for (let cursor: string | null | undefined; cursor !== null;) {
    const page: UsageReport = await usage.query({ ...query, ...(cursor === undefined ? {} : { cursor }) })
    assert.deepEqual([page.total.runs, page.rows.length <= 10], [25_000, true])
    seen.push(...page.rows.map(({ tenant, day, runs }) => `${tenant} ${day} ${runs}`))
    cursor = page.cursor
  }
  const days = ["2020-02-01", "2020-02-02", "2020-02-03", "2020-02-04", "2020-02-05"]
  assert.deepEqual(
    seen,
    [0, 1, 2, 3, 4].flatMap((tenant) => days.map((day) => `t${tenant} ${day} 1000`)),
  )
  const { rows, cursor } = await usage.query({ ...range, tenant: "t1", by: ["worker"], limit: 2 })
  assert.deepEqual(rows.map(({ worker }) => worker), ['w"1', 'w"10001']) // oxfmt-ignore
  for (const [wrong, by] of [
    [cursor, ["day"]],
    [cursor, ["tenant", "worker"]],
    ["x", ["worker"]],
    [Buffer.from("[{}]").toString("base64url"), ["worker"]],
  ] as [string, UsageGroup[]][])
    await assert.rejects(usage.query({ ...range, by, cursor: wrong }), { code: "input.invalid" })
  let lines = 0
  for await (const text of usage.csv({ ...range, by: ["tenant", "worker", "day"] }))
    lines += text.split("\r\n").length - 1
  assert.equal(lines, 25_001)
  assert.throws(() => usage.csv({ from: "yesterday" }), { code: "input.invalid" })
  rmSync(directory, { recursive: true })
})
