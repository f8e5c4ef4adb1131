import { createPlatform } from "@mayfly/platform"
import { attack, codeOf } from "./beside-neighbours.ts"
import { memoryAttacks } from "./memory-attacks.ts"
const platform = await createPlatform()
const pick = process.argv[2]
let fails = 0
for (const a of memoryAttacks) {
  if (fails > 4) break
  if (pick && !a.name.includes(pick)) continue
  try {
    const r = await Promise.race([attack(a.script, { platform, ...(a.env ? { env: a.env } : {}) }), new Promise<never>((_, no) => setTimeout(() => no(new Error("HANG 60s")), 60000).unref())])
    const c = codeOf(r.run)
    const bad = c !== "worker.memory-limit"
    console.log(bad ? (a.also?.includes(c) ? "also" : "BAD ") : "ok  ", a.name, "|", c, Math.round(r.answeredMs), "ms cpu", Math.round(r.run.usage.cpuMs), "peak", Math.round(r.peakMb), "rss", Math.round(process.memoryUsage.rss()/1e6), bad || r.peakMb > 450 ? (r.run.ok ? JSON.stringify(r.run.result) : r.run.error.message.slice(0,200) + JSON.stringify(r.run.error.details).slice(0,200)) : "")
  } catch (e) { fails++; console.log("FAIL", a.name, (e as Error).message.slice(0,900).replaceAll("\n"," ")) }
}
await platform.dispose()
