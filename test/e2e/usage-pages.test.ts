import assert from "node:assert/strict"
import { mkdtempSync, rmSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, test } from "node:test"
import { connect, type UsageReport } from "@mayfly/client"
import { createPlatform } from "@mayfly/platform"
import { createKey, hashKey, listen, startServer } from "@mayfly/server"
import { mayflyHere } from "./mayfly-here.ts"

/** More than a page may have. */
const count = 2_345
const days = { from: "2020-02-01", to: "2020-02-29" } as const

const dataDir = mkdtempSync(join(tmpdir(), "mayfly-usage-pages-"))
after(() => rmSync(dataDir, { recursive: true, force: true }))
const small = { hosts: 1, spare: false, dataDir } as const
await (async () => {
  await using platform = await createPlatform(small)
  await platform.usage.query()
})()
const database = new DatabaseSync(join(dataDir, "mayfly.db"))
const columns = database.prepare("SELECT name FROM pragma_table_info('accounts_usage')").all() as { name: string }[]
const values = columns.slice(3).map(({ name }) => (name === "runs" ? "1" : "0"))
database.exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count})
  INSERT INTO accounts_usage SELECT 'acme', ${Date.parse(days.from) / 86_400_000}, 'w' || i, ${values.join(", ")} FROM n`)
database.close()

const platform = await createPlatform(small)
after(() => platform.dispose())
const key = createKey()
const server = startServer(await listen({ port: 0, host: "127.0.0.1" }), { platform, keyHashes: [hashKey(key)] })
after(() => server.stop())

const query = new URLSearchParams({ ...days, by: "worker" }).toString()
const get = async (more = "", accept = "application/json"): Promise<Response> =>
  fetch(`${server.url}/v1/usage?${query}${more}`, { headers: { authorization: `Bearer ${key}`, accept } })

test("GET /v1/usage has pages, and its CSV is whole", async () => {
  type Page = {
    readonly rows: readonly { worker: string }[]
    readonly total: { runs: number }
    readonly cursor?: string
  }
  const first = (await (await get()).json()) as Page
  assert.deepEqual([first.rows.length, first.total.runs], [100, count])
  const workers: string[] = []
  for (let cursor: string | undefined = ""; cursor !== undefined;) {
    const page = (await (await get(`&limit=1000${cursor === "" ? "" : `&cursor=${cursor}`}`)).json()) as Page
    workers.push(...page.rows.map(({ worker }) => worker))
    cursor = page.cursor
  }
  assert.deepEqual(workers, Array.from({ length: count }, (_, at) => `w${at + 1}`).toSorted())
  for (const wrong of ["&limit=0", "&limit=1001", "&cursor=x", "&cursor=W10"])
    assert.equal((await get(wrong)).status, 400)
  const lines = (await (await get("", "text/csv")).text()).split("\r\n")
  assert.deepEqual([lines.length, lines[0]?.startsWith("worker,runs,"), lines[1]?.startsWith("w1,1,")], [count + 2, true, true]) // oxfmt-ignore
})

function cursorOf(page: UsageReport | undefined): { readonly cursor?: string } {
  return typeof page?.cursor === "string" ? { cursor: page.cursor } : {}
}

test("client and command follow the cursor", async () => {
  const { usage } = connect({ url: server.url, key })
  const [limit, pages]: [number, UsageReport[]] = [1_000, []]
  do pages.push(await usage.query({ ...days, by: ["worker"], limit, ...cursorOf(pages.at(-1)) }))
  while (pages.at(-1)?.cursor !== null)
  const rows = pages.flatMap((page) => page.rows)
  assert.deepEqual([pages.length, rows.length, pages.at(-1)?.total.runs], [Math.ceil(count / limit), count, count])
  process.env["MAYFLY_KEY"] = key
  const args = ["usage", "--url", server.url, "--from", days.from, "--to", days.to, "--by", "worker", "--json"]
  const { stdout, stderr, code } = await mayflyHere(args)
  assert.equal(code, 0, stderr)
  assert.equal((JSON.parse(stdout) as { rows: unknown[] }).rows.length, count)
})
