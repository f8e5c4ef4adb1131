import assert from "node:assert/strict"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, test } from "node:test"
import { connect, DynamicWorker, MayflyError } from "@mayfly/client"
import { type MayflyProcess, startMayfly } from "../e2e/mayfly-process.ts"

const data = await mkdtemp(join(tmpdir(), "mayfly-restart-"))
after(() => rm(data, { recursive: true, force: true }))

async function serve(port: string): Promise<{ server: MayflyProcess; url: string }> {
  const server = startMayfly(["serve", "--port", port, "--data", data])
  const [, url = ""] = await server.output(/serving at (\S+)/)
  return { server, url }
}

test("a client goes on when its server was killed and started again, its functions and streams too", async () => {
  const first = await serve("0")
  const [, key = ""] = await first.server.output(/admin key: (mf_\S+)/)
  await using platform = connect({ url: first.url, key, maxRetries: 1_000 })
  const called = Promise.withResolvers<void>()
  await using worker = await DynamicWorker.create({
    script: "async (input, env) => input === 'wait' ? await env.wait() : await env.twice(input)",
    env: {
      twice: (input: number) => input * 2,
      wait: () => {
        called.resolve()
        return new Promise(() => {})
      },
    },
    platform,
  })
  const steps = [
    { name: "a", waitForEvent: "go" },
    { name: "b", code: "(input) => input.payload", input: { $from: "a" } },
  ]
  const instance = await platform.env.WORKFLOWS.create({ id: "w", steps })
  const result = instance.result()
  const pending = worker.execute("wait").catch((error: unknown) => error)
  await called.promise
  first.server.child.kill("SIGKILL")
  await first.server.finished
  const error = await pending
  assert.equal(error instanceof MayflyError && error.code, "client.disconnected")
  // Asked while nobody answers.
  const during = platform.run({ script: "return 7" })
  const sent = instance.sendEvent({ type: "go", payload: 5n, eventId: "once" })
  const second = await serve(new URL(first.url).port)
  try {
    const run = await during
    assert.deepEqual([run.ok && run.result, (await sent).isDuplicate, await result], [7, false, 5n])
    assert.equal(await worker.run(21), 42)
  } finally {
    second.server.child.kill("SIGKILL")
    await second.server.finished
  }
})
