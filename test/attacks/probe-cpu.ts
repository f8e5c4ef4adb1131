import { createPlatform } from "@mayfly/platform"
import { attack, limitOf, codeOf } from "./beside-neighbours.ts"
import { cpuAttacks } from "./cpu-attacks.ts"
let fails=0
const platform = await createPlatform()
const pick = process.argv[3]
const cpuMs = Number(process.argv[2] ?? 100)
for (const a of cpuAttacks) {
  if (fails > 2) break
  if (pick && !a.name.includes(pick)) continue
  try {
    const r = await Promise.race([attack(a.script, { platform, limits: { cpuMs }, ...(a.env ? { env: a.env } : {}) }), new Promise<never>((_, no) => setTimeout(() => no(new Error("HANG 60s")), 60000))])
    const c = codeOf(r.run)
    const bad = c !== "worker.cpu-limit"
    console.log(bad ? (a.also?.includes(c) ? "also" : "BAD ") : "ok  ", a.name, "|", c, Math.round(r.answeredMs), "ms cpu", Math.round(r.run.usage.cpuMs), "peak", Math.round(r.peakMb), bad ? (r.run.ok ? JSON.stringify(r.run.result) : r.run.error.message + JSON.stringify(r.run.error.details).slice(0,300)) : "")
  } catch (e) { fails++; console.log("FAIL", a.name, (e as Error).message.slice(0,900).replaceAll("\n"," ")) }
}
await platform.dispose()
