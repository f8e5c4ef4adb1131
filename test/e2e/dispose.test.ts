import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { test } from "node:test"

/** Nothing else keeps that process alive, as in a script of a user's. */
async function endsWith(program: string, stdout: string): Promise<void> {
  const child = spawn(process.execPath, ["--conditions=source", "--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "pipe"],
  })
  const said = { stdout: "", stderr: "" }
  child.stdout.on("data", (text: Buffer) => (said.stdout += text.toString()))
  child.stderr.on("data", (text: Buffer) => (said.stderr += text.toString()))
  const [code] = (await once(child, "close")) as [number]
  assert.deepEqual({ code, ...said }, { code: 0, stdout, stderr: "" })
}

const timeout = 60_000

test("disposing a platform while a run is under way comes to its end", { timeout }, async () => {
  const program = `import { createPlatform, DynamicWorker } from "@mayfly/platform"
    const platform = await createPlatform()
    const endless = await DynamicWorker.create({ script: "export default () => new Promise((done) => setTimeout(done, 20_000))", platform })
    const ended = endless.run().catch((error) => error.code)
    await (await DynamicWorker.create({ script: "1", platform })).run()
    await platform.dispose()
    console.log(await ended, "disposed")`
  await endsWith(program, "worker.aborted disposed\n")
})

test("disposing a platform while its processes start comes to its end", { timeout }, async () => {
  const program = `import { setTimeout as delay } from "node:timers/promises"
    import { createPlatform } from "@mayfly/platform"
    for (let ms = 0; ms < 120; ms += 8) {
      const platform = await createPlatform({ hosts: 1 })
      await delay(ms)
      await platform.dispose()
    }
    console.log("disposed")`
  await endsWith(program, "disposed\n")
})

test("a binding that never answers keeps no process alive once its run is over", { timeout }, async () => {
  const program = `import { createPlatform, DynamicWorker } from "@mayfly/platform"
    const platform = await createPlatform({ hosts: 1 })
    const { promise: called, resolve: call } = Promise.withResolvers()
    const never = () => { call(); return new Promise(() => {}) }
    const worker = await DynamicWorker.create({ script: "return env.never()", env: { never }, limits: { wallMs: null }, platform })
    const stop = new AbortController()
    const ended = worker.run(undefined, { signal: stop.signal }).catch((error) => error.code)
    await called
    stop.abort()
    console.log(await ended)
    await platform.dispose()`
  await endsWith(program, "worker.aborted\n")
})
