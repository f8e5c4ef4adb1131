// npm run bench -- server [--quick] [--json FILE]: the HTTP API under load, under ten times its load, and for long. It reports and asserts nothing.
import { mkdirSync, writeFileSync } from "node:fs"
import { loadavg } from "node:os"
import { dirname, join } from "node:path"
import { parseArgs } from "node:util"
import { describeCommit } from "./report/machine.ts"
import { figure, ratio, table } from "./report/table.ts"
import { measureInProcess, measureLoad } from "./server/load.ts"
import { measureOverload } from "./server/overload.ts"
import { serve } from "./server/served.ts"
import { soak } from "./server/soak.ts"

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    json: { type: "string" },
    help: { type: "boolean", short: "h" },
  },
})
if (values.help === true) {
  console.log(
    "npm run bench -- server [--quick] [--json FILE]\n\nLoad, overload and soak of `mayfly serve`; JSON in bench/results/server.json.",
  )
  process.exit(0)
}
const root = join(import.meta.dirname, "..")
const seconds = values.quick ? 3 : 10
const loadBefore = loadavg()[0] ?? 0

console.log(`load before: ${figure(loadBefore)}`)
const inProcess = await measureInProcess(16, seconds)
await using served = await serve()
await measureLoad(served, 16, 1)
const load = []
for (const connections of [1, 16, 128]) load.push(await measureLoad(served, connections, seconds))
console.log(
  table(
    ["connections", "runs/s", "to in-process, 16 clients", "p50 ms", "p99 ms", "errors", "not 2xx"],
    load.map((row) => [
      String(row.connections),
      figure(row.runsPerSecond),
      ratio(row.runsPerSecond, inProcess),
      figure(row.p50Ms),
      figure(row.p99Ms),
      String(row.errors),
      String(row.failed),
    ]),
  ),
)
const capacity = Math.max(...load.map(({ runsPerSecond }) => runsPerSecond))
const overload = await measureOverload(served, capacity, seconds)
console.log(
  `\noverload: ${figure(overload.offeredPerSecond)}/s offered, ${figure(overload.answeredPerSecond)}/s done, ${overload.refused} refused ` +
    `(${overload.refusedWithRetryAfter} with Retry-After), ${overload.errors} errors, ${overload.crashed ? "CRASHED" : "no crash"}, ` +
    `back to normal after ${figure(overload.recoveryMs)} ms`,
)
const soaked = await soak(served, values.quick ? 4_000 : 60_000)
console.log(`\nsoak: ${soaked.operations} operations, ${soaked.failures} that went wrong`)
console.log(
  table(
    ["operations", "memory MB", "descriptors"],
    soaked.samples.map((one) => [String(one.done), figure(one.memoryMb), String(one.descriptors)]),
  ),
)
const results = {
  commit: describeCommit(root),
  command: `npm run bench -- server ${process.argv.slice(2).join(" ")}`.trim(),
  date: new Date().toISOString(),
  loadBefore,
  inProcessRunsPerSecond: inProcess,
  load,
  overload,
  soak: soaked,
}
const path = values.json ?? join(root, "bench", "results", "server.json")
mkdirSync(dirname(path), { recursive: true })
writeFileSync(path, `${JSON.stringify(results, undefined, 2)}\n`)
