// A program with a facet, told what to do on its command line, for tests that kill it. Says on stdout what was answered.
import { createPlatform, WorkerLoader } from "@mayfly/platform"
import { classText } from "../e2e/facet-fixture.ts"

const [dataDir = "", mode = ""] = process.argv.slice(2)
const platform = await createPlatform({ hosts: 1, spare: false, dataDir })
const stub = new WorkerLoader({ platform }).load({
  mainModule: "main.js",
  modules: {
    "main.js": classText(`
      add(n) {
        const { sql, kv } = this.ctx.storage
        sql.exec("CREATE TABLE IF NOT EXISTS t (n)")
        sql.exec("INSERT INTO t VALUES (?)", n)
        kv.put("last", n)
        return n
      }
      all() {
        const { sql, kv } = this.ctx.storage
        sql.exec("CREATE TABLE IF NOT EXISTS t (n)")
        return { rows: sql.exec("SELECT n FROM t ORDER BY n").toArray().map(({ n }) => n), last: kv.get("last") ?? 0, fired: kv.get("fired") ?? 0 }
      }
      later(ms) { return this.ctx.storage.setAlarm(Date.now() + ms) }
      alarm() { this.ctx.storage.kv.put("fired", (this.ctx.storage.kv.get("fired") ?? 0) + 1); return this.env.fired() }`),
  },
  env: { fired: () => console.log("fired") },
})
const given = stub.getDurableObjectClass("Main")
const facet = platform.facets("p").get("f", () => ({ class: given })) as unknown as Record<
  string,
  (...args: unknown[]) => Promise<unknown>
>

if (mode === "write") {
  for (let n = 1; ; n++) console.log(await facet["add"]?.(n))
} else if (mode === "alarm") {
  await facet["later"]?.(1_000)
  console.log("set")
  setInterval(() => {}, 1_000)
} else if (mode === "wait") {
  setInterval(() => {}, 1_000)
} else {
  console.log(JSON.stringify(await facet["all"]?.()))
  await platform.dispose()
}
