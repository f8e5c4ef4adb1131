// @ts-nocheck
import { createPlatform, Sandbox } from "mayfly"
import { readdirSync, readFileSync } from "node:fs"
await using platform = await createPlatform({ hosts: 1, isolates: 0, spare: false })
const s = await Sandbox.create({ platform })
await s.exec("true")
await new Promise((r) => setTimeout(r, 2500))
for (const pid of readdirSync("/proc").filter((x) => /^\d+$/.test(x)))
  try {
    if (!readFileSync(`/proc/${pid}/mountinfo`, "utf8").includes(" /.mayfly/agent ")) continue
    for (const t of readdirSync(`/proc/${pid}/task`))
      console.log(
        pid,
        t,
        readFileSync(`/proc/${pid}/task/${t}/comm`, "utf8").trim(),
        readFileSync(`/proc/${pid}/task/${t}/wchan`, "utf8"),
        readFileSync(`/proc/${pid}/task/${t}/syscall`, "utf8").trim(),
        readFileSync(`/proc/${pid}/task/${t}/stat`, "utf8").split(" ").slice(2, 3).join(),
      )
  } catch {}
const t = performance.now()
const r = await Promise.race([s.exec("echo hi"), new Promise((r) => setTimeout(r, 5000, "late"))])
console.log(r, performance.now() - t)
process.exit()
