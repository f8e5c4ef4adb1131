// @ts-nocheck
import { createPlatform, Sandbox } from "mayfly"
import { spawnSync } from "node:child_process"
const cal: number[] = []
const n = Number(process.argv[2] ?? 20)
await using platform = await createPlatform({ hosts: 1, isolates: 0, spare: false })
await platform.env.SANDBOX.probe()
for (const network of [{}, { allowedOrigins: ["https://example.com", "http://x.test:80"] }]) {
  const t: number[][] = []
  for (let i = 0; i < n; i++) {
    const z = performance.now()
    spawnSync(process.execPath, ["/tmp/sbp/e.cjs"], { env: {} })
    cal.push(performance.now() - z)
    const a = performance.now()
    const s = await Sandbox.create({ platform, network })
    const b = performance.now()
    await s.exec(["true"])
    const c = performance.now()
    await s.destroy()
    t.push([b - a, c - b, c - a, performance.now() - c])
  }
  const med = (k: number) => t.map((x) => x[k]).sort((x, y) => x - y)
  for (const [k, name] of ["create", "firstexec", "total", "destroy"].entries())
    console.log(
      name,
      med(k)[n >> 1].toFixed(1),
      "p90",
      med(k)[Math.floor(n * 0.9)].toFixed(1),
      "min",
      med(k)[0].toFixed(1),
    )
}

cal.sort((x, y) => x - y)
console.log("node start", cal[cal.length >> 1].toFixed(1), "min", cal[0].toFixed(1))
