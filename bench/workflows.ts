// npm run bench -- workflows [--quick] [--only=speed|sleepers|resume|size]: what durable steps cost. Every commit is synced to disk before a step counts as done. See docs/reference/benchmarks.md.
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { createPlatform, DynamicWorkflow, type Platform, type WorkflowOptions } from "@mayfly/platform"
import { median, percentile } from "./measure/statistics.ts"

const isQuick = process.argv.includes("--quick")
const rounds = isQuick ? 3 : 7
const steps = 10
const folders: string[] = []

type Make = (id: string) => WorkflowOptions

const closures: Make = (id) => ({
  id,
  steps: Array.from({ length: steps }, (_, n) => ({ name: `step-${n}`, run: () => n })),
})
const code: Make = (id) => ({
  id,
  steps: Array.from({ length: steps }, (_, n) => ({ name: `step-${n}`, code: "() => 1" })),
})
const script: Make = (id) => ({
  id,
  script: `export default async (event, step) => { for (let n = 0; n < ${steps}; n++) await step.do("step", async () => n) }`,
})

const sharing: Make = (id) => ({ ...script(id), reuse: true })

const only = process.argv.find((argument) => argument.startsWith("--only="))?.slice("--only=".length)
const wants = (name: string): boolean => only === undefined || only === name
try {
  if (wants("speed")) await measureSpeed("closures in the process", closures, [1, 100, 1_000])
  if (wants("speed")) await measureSpeed("script, one isolate per activation", script, [1, 100, isQuick ? 200 : 1_000])
  if (wants("speed")) await measureSpeed("script, shared isolates (reuse)", sharing, [1, 100, 1_000])
  if (wants("speed")) await measureSpeed("code steps, a fresh isolate each", code, [1, 100])
  if (wants("sleepers")) await measureSleepers(1_000)
  if (wants("resume")) await measureResume(1_000)
  if (wants("size")) await measureSize(isQuick ? 5_000 : 20_000)
} finally {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
}

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "mayfly-bench-"))
  folders.push(folder)
  return folder
}

async function all(platform: Platform, name: string, count: number, make: Make): Promise<number> {
  const began = performance.now()
  const made = Array.from({ length: count }, async (_, n) => {
    const workflow = await DynamicWorkflow.create(platform.env.WORKFLOWS, make(`${name}-${n}`))
    return workflow.result()
  })
  await Promise.all(made)
  return performance.now() - began
}

/** Workflows of ten steps that do nothing, some at a time. */
async function measureSpeed(title: string, make: Make, counts: readonly number[]): Promise<void> {
  await using platform = await createPlatform({ dataDir: newFolder() })
  await all(platform, "warm", 5, make)
  for (const count of counts) {
    const times: number[] = []
    for (let round = 0; round < rounds; round++) times.push(await all(platform, `c${count}-r${round}`, count, make))
    const ms = median(times)
    const perStep = count === 1 ? `, ${(ms / steps).toFixed(2)} ms per step` : ""
    console.log(`${title}: ${count} at once: ${Math.round((count / ms) * 1_000)} workflows/s${perStep}`)
  }
}

/** How late they wake who sleep until one moment. */
async function measureSleepers(count: number): Promise<void> {
  await using platform = await createPlatform({ dataDir: newFolder() })
  const at = Date.now() + 5_000
  const made = Array.from({ length: count }, (_, n) =>
    DynamicWorkflow.create(platform.env.WORKFLOWS, {
      id: `sleeper-${n}`,
      steps: [
        { name: "until", sleepUntil: at },
        { name: "late", run: () => Date.now() - at },
      ],
    }),
  )
  const workflows = await Promise.all(made)
  const late = (await Promise.all(workflows.map((workflow) => workflow.result()))) as number[]
  late.sort((a, b) => a - b)
  const show = (share: number): string => percentile(late, share).toFixed(0)
  console.log(
    `${count} sleepers due at one moment: late p50 ${show(50)} ms, p99 ${show(99)} ms, most ${late.at(-1)} ms`,
  )
}

/** From the start of a process until what an earlier one had under way, when it was killed, goes on. */
async function measureResume(count: number): Promise<void> {
  const folder = newFolder()
  const program = fileURLToPath(new URL("workflows/resume.ts", import.meta.url))
  const start = async (phase: string): Promise<string> => {
    const child = spawn(process.execPath, [...process.execArgv, program, folder, String(count), phase], {
      stdio: ["ignore", "pipe", "inherit"],
    })
    const [text] = (await once(child.stdout, "data")) as [Buffer]
    child.kill("SIGKILL")
    await once(child, "exit")
    return text.toString().trim()
  }
  await start("begin")
  const began = Date.now()
  const { first, last } = JSON.parse(await start("resume")) as { first: number; last: number }
  console.log(
    `resume with ${count} under way: process start to the first step ${first - began} ms, to all of them ${last - began} ms`,
  )
}

/** Bytes on disk of an instance that sleeps, and of a step. */
async function measureSize(count: number): Promise<void> {
  const sizeOf = (folder: string): number => statSync(join(folder, "mayfly.db")).size
  const folder = newFolder()
  let heap = 0
  {
    await using platform = await createPlatform({ dataDir: folder })
    await all(platform, "none", 1, closures)
    const before = process.memoryUsage().heapUsed
    for (let from = 0; from < count; from += 500) {
      await Promise.all(
        Array.from({ length: 500 }, (_, n) =>
          DynamicWorkflow.create(platform.env.WORKFLOWS, {
            id: `nap-${from + n}`,
            steps: [{ name: "nap", sleep: "30 days" }],
          }),
        ),
      )
    }
    const last = await platform.env.WORKFLOWS.get(`nap-${count - 1}`)
    while ((await last.status()).status !== "waiting") await new Promise((resolve) => setTimeout(resolve, 20))
    heap = process.memoryUsage().heapUsed - before
  }
  console.log(
    `${count} sleeping: ${Math.round(sizeOf(folder) / count)} bytes each on disk, heap ${(heap / 2 ** 20).toFixed(0)} MiB more`,
  )
  const other = newFolder()
  {
    await using platform = await createPlatform({ dataDir: other })
    await all(platform, "step", 500, closures)
  }
  console.log(`finished workflows of ${steps} steps: ${Math.round(sizeOf(other) / 500 / steps)} bytes per step on disk`)
}
