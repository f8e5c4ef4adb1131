// npm run bench -- sandboxes [--quick]: sandboxes beside plain bubblewrap on this machine. It reports and asserts nothing.
import { execFileSync, spawnSync } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"
import { parseArgs } from "node:util"
import { createPlatform, Sandbox } from "mayfly"

const { values } = parseArgs({ options: { quick: { type: "boolean", default: false } } })
const rounds = values.quick ? 5 : 30
const many = values.quick ? 10 : 50

await using platform = await createPlatform({ hosts: 1, isolates: 0, spare: false })
const { limits, snapshots } = await platform.env.SANDBOX.probe()
console.log(`limits ${JSON.stringify(limits)}, snapshots as ${snapshots}`)

peer("bwrap, all namespaces, /bin/true", [
  "bwrap",
  "--unshare-all",
  "--ro-bind",
  "/",
  "/",
  "--proc",
  "/proc",
  "--dev",
  "/dev",
  "/bin/true",
])
if (spawnSync("docker", ["info"], { stdio: "ignore" }).status !== 0) console.log("docker: does not run here")

await measure("create and first exec", rounds, async () => {
  const sandbox = await Sandbox.create({ platform })
  await sandbox.exec(["true"])
  return () => sandbox.destroy()
})

const sandbox = await Sandbox.create({ platform })
await sandbox.exec("true")
await measure("exec of a program", rounds * 5, () => sandbox.exec(["true"]))
await measure("exec of a line of bash", rounds * 5, () => sandbox.exec("true"))
const shell = await sandbox.shell()
await measure("shell, a builtin", rounds * 5, () => shell.exec("true"))
await measure("file of 1 kB written and read", rounds * 5, async () => {
  await sandbox.files.write("small", "x".repeat(1_000))
  await sandbox.files.read("small")
})
const bytes = new Uint8Array(64 << 20)
await throughput("file of 64 MiB written", bytes.length, () => sandbox.files.write("large", bytes))
await throughput("file of 64 MiB read", bytes.length, () => sandbox.files.read("large"))
await throughput("256 MiB of output", 256 << 20, () => sandbox.exec("head -c 256M /dev/zero", { maxOutputBytes: 1 }))

await sandbox.exec(
  "rm large; for i in $(seq 10); do mkdir d$i; for j in $(seq 1000); do head -c 10000 /dev/urandom > d$i/$j; done; done",
)
await measure("snapshot of 100 MB in 10,000 files, running", 3, async () => {
  const { id } = await sandbox.snapshot()
  return () => platform.env.SANDBOX.removeSnapshot(id)
})
await measure("fork of them", 3, async () => {
  const fork = await sandbox.fork()
  return () => fork.destroy()
})
await measure("fork of them and first exec", 3, async () => {
  const fork = await sandbox.fork()
  await fork.exec("true")
  return () => fork.destroy()
})
await sandbox.destroy()

const started = performance.now()
const all = await Promise.all(
  Array.from({ length: many }, async () => {
    const one = await Sandbox.create({ platform })
    await one.exec("true")
    return one
  }),
)
console.log(`${many} sandboxes at once: ${Math.round(performance.now() - started)} ms`)
console.log(
  `memory of an idle sandbox: ${(proportionalMemory() / many / (1 << 20)).toFixed(1)} MiB (PSS of all its processes)`,
)
await Promise.all(all.map((one) => one.destroy()))

async function measure(name: string, count: number, work: () => Promise<unknown>): Promise<void> {
  const times: number[] = []
  for (let round = 0; round < count; round++) {
    const begin = performance.now()
    const undo = await work()
    times.push(performance.now() - begin)
    if (typeof undo === "function") await undo()
  }
  times.sort((a, b) => a - b)
  const at = (part: number): string =>
    (times[Math.min(times.length - 1, Math.floor(part * times.length))] ?? 0).toFixed(1)
  console.log(`${name.padEnd(48)} p50 ${at(0.5)} ms   p99 ${at(0.99)} ms`)
}

async function throughput(name: string, size: number, work: () => Promise<unknown>): Promise<void> {
  const begin = performance.now()
  await work()
  console.log(`${name.padEnd(48)} ${Math.round(size / (1 << 20) / ((performance.now() - begin) / 1_000))} MiB/s`)
}

function peer(name: string, [command = "", ...args]: readonly string[]): void {
  const begin = performance.now()
  for (let round = 0; round < rounds; round++) execFileSync(command, args, { stdio: "ignore" })
  console.log(`${name.padEnd(48)} mean ${((performance.now() - begin) / rounds).toFixed(1)} ms`)
}

/** Of the processes that have a sandbox's agent mounted. */
function proportionalMemory(): number {
  let total = 0
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      if (!readFileSync(`/proc/${pid}/mountinfo`, "utf8").includes(" /.mayfly/agent ")) continue
      total += Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1] ?? 0) * 1_024
    } catch {
      // It has ended.
    }
  }
  return total
}
