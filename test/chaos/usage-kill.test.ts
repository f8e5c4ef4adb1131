import assert from "node:assert/strict"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test } from "node:test"
import { startMayfly } from "../e2e/mayfly-process.ts"

type Json = Record<string, unknown>
const folder = mkdtempSync(join(tmpdir(), "mayfly-usage-kill-"))
const start = () => startMayfly(["serve", "--port", "0", "--data", join(folder, "data")])

test("kill -9 between and in the middle of writes: what was seen stays, nothing counts twice, usage and history agree to the microsecond", async (t) => {
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  let server = start()
  t.after(async () => {
    server.child.kill("SIGKILL")
    await server.finished
  })
  const [, key = ""] = await server.output(/admin key: (mf_\S+)/)
  let url = ""
  const call = async (method: string, path: string, body?: unknown): Promise<Json> => {
    const given = body === undefined ? {} : { body: JSON.stringify(body) }
    const response = await fetch(url + path, { method, headers: { authorization: `Bearer ${key}` }, ...given })
    return (await response.json()) as Json
  }
  const seen = async (): Promise<number> => {
    const { total } = await call("GET", "/v1/usage?tenant=t")
    return (total as { runs: number }).runs
  }
  let asked = 0
  let answered = 0
  let durable = 0
  for (const calm of process.env["MAYFLY_FULL"] === "1" ? [0, 20, 40] : [20]) {
    ;[, url = ""] = await server.output(/serving at (\S+)/)
    const runOn = async (): Promise<void> => {
      for (;;) {
        asked++
        await call("POST", "/v1/run", { script: `${asked} + 1`, tenant: "t" })
        answered++
      }
    }
    const clients = Array.from({ length: 8 }, () => runOn().catch(() => {}))
    const target = answered + 100
    while (answered < target) await call("GET", "/healthz")
    durable = await seen()
    const more = answered + calm
    while (answered < more) await call("GET", "/healthz")
    server.child.kill("SIGKILL")
    await Promise.all([server.finished, ...clients])
    server = start()
    ;[, url = ""] = await server.output(/serving at (\S+)/)
    const counted = await seen()
    assert.ok(counted >= durable && counted <= asked, `${durable} <= ${counted} <= ${asked}`)
    answered = counted
    asked = counted
  }
  let cpuUs = 0
  let runs = 0
  for (let cursor: string | undefined = ""; cursor !== undefined;) {
    const from: string = cursor === "" ? "" : `&cursor=${cursor}`
    const page = await call("GET", `/v1/runs?tenant=t&limit=1000${from}`)
    const ids = (page["runs"] as { id: string }[]).map(({ id }) => id)
    for (const id of ids) {
      const { usage } = await call("GET", `/v1/runs/${id}`)
      cpuUs += Math.round((usage as { cpuMs: number }).cpuMs * 1_000)
    }
    runs += ids.length
    cursor = page["cursor"] as string | undefined
  }
  const { total } = await call("GET", "/v1/usage?tenant=t")
  const { runs: counted, cpuMs } = total as { runs: number; cpuMs: number }
  assert.deepEqual([runs, cpuUs], [counted, Math.round(cpuMs * 1_000)])
})
