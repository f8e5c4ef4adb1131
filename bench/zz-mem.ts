// @ts-nocheck
import { readdirSync, readFileSync } from "node:fs"
import { createPlatform, Sandbox } from "mayfly"
const n = Number(process.argv[2] ?? 20)
await using platform = await createPlatform({ hosts: 1, isolates: 0, spare: false })
const network = { allowedOrigins: ["https://example.com", "http://x.test:80"] }
const all = await Promise.all(
  Array.from({ length: n }, async () => {
    const s = await Sandbox.create({ platform, network })
    await s.exec("true")
    return s
  }),
)
const look = () => {
  const by: Record<string, number[]> = {}
  for (const pid of readdirSync("/proc").filter((x) => /^\d+$/.test(x))) {
    try {
      if (!readFileSync(`/proc/${pid}/mountinfo`, "utf8").includes(" /.mayfly/agent ")) continue
      const r = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8")
      const g = (x: string) => Number(new RegExp(`^${x}:\\s+(\\d+)`, "m").exec(r)?.[1] ?? 0)
      const c = readFileSync(`/proc/${pid}/comm`, "utf8").trim()
      ;(by[c] ??= [0, 0, 0])[0]++
      by[c][1] += g("Pss")
      by[c][2] += g("Pss_Anon")
    } catch {}
  }
  console.log(
    "per sandbox MiB",
    (Object.values(by).reduce((a, x) => a + x[1], 0) / n / 1024).toFixed(2),
    JSON.stringify(
      Object.fromEntries(Object.entries(by).map(([k, v]) => [k, v.map((x, i) => (i ? (x / n / 1024).toFixed(2) : x))])),
    ),
  )
}
look()
await new Promise((r) => setTimeout(r, 2500))
look()
await Promise.all(all.map((s) => s.destroy()))
