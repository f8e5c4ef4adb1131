import assert from "node:assert/strict"
import { after, test } from "node:test"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createPlatform, DynamicWorker, readLedger } from "./index.ts"

const server = createServer((_request, response) => response.end("reached"))
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
after(() => server.close())
const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

test("createPlatform refuses wrong options, naming them", async () => {
  const wrong: [object, string][] = [
    [{ hosts: 0 }, "hosts"],
    [{ isolates: -1 }, "isolates"],
    [{ nonsense: 1 }, "nonsense"],
    [{ dataDir: "" }, "dataDir"],
    [{ sandboxes: { provider: "podman" } }, "sandboxes.provider"],
    [{ sandboxes: { offer: ["none"] } }, "sandboxes.offer"],
    [{ sandboxes: { docker: { node: "mine" } } }, "sandboxes.docker.node"],
    [{ network: { allowedOrigins: ["*"] } }, "network.allowedOrigins[0]"],
  ]
  for (const [options, path] of wrong) {
    await assert.rejects(createPlatform(options), (error: { code: string; message: string }) => {
      return error.code === "input.invalid" && error.message.includes(path)
    })
  }
})

test("createPlatform gives its network policy to workers that bring none", async () => {
  await using platform = await createPlatform({ hosts: 1, spare: false, network: { allowedOrigins: [origin] } })
  const script = `return (await fetch("${origin}/")).text()`
  const open = await DynamicWorker.create({ script, platform })
  assert.equal(await open.run(), "reached")
  const closed = await DynamicWorker.create({ script, platform, network: {} })
  await assert.rejects(closed.run(), { code: "mesh.denied" })
})

test("platform.env.LOADER loads workers", async () => {
  await using platform = await createPlatform({ hosts: 1, spare: false })
  const stub = platform.env.LOADER.load({ mainModule: "a.js", modules: { "a.js": "export default { one: () => 1 }" } })
  assert.equal(await stub.getEntrypoint()["one"]?.(), 1)
})

const program = `
  await fetch("${origin}/items?token=secret")
  await fetch("https://evil.example/").catch(() => {})`

test("platform.ledger holds what a run did, in memory", async () => {
  await using platform = await createPlatform({ hosts: 1, spare: false })
  assert.deepEqual((await platform.ledger.query()).rows, [])
  const worker = await DynamicWorker.create({ script: program, platform, network: { allowedOrigins: [origin] } })
  const run = await worker.execute()
  assert.ok(run.ok)
  const { text } = await platform.ledger.summary(run.id)
  assert.equal(text, `${run.id} read once from ${origin} and was refused evil.example (no-rule).`)
})

test("platform.ledger lasts in dataDir, and can be read when the platform is gone", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "mayfly-platform-"))
  t.after(() => rmSync(folder, { recursive: true }))
  const dataDir = join(folder, "data")
  {
    await using platform = await createPlatform({ hosts: 1, spare: false, dataDir })
    const network = { allowedOrigins: [origin] }
    const worker = await DynamicWorker.create({ script: program, platform, network, tenant: "acme" })
    await worker.run()
  }
  await using ledger = await readLedger(dataDir, { hasOwner: false })
  const { rows } = await ledger.query({ tenant: "acme" })
  assert.deepEqual(
    rows.map(({ origin: to, path, decision, outcome }) => ({ to, path, decision, outcome })),
    [
      { to: "https://evil.example", path: "/", decision: "deny", outcome: "known" },
      { to: origin, path: "/items", decision: "allow", outcome: "known" },
    ],
  )
  assert.equal((await ledger.verify()).ok, true)
})
