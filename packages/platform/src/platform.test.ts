import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { after, test } from "node:test"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { MayflyError } from "@mayfly/protocol"
import { createPlatform, DynamicWorker, openDataDirectory, readLedger } from "./index.ts"

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

/** Another process that makes a platform there, and says how that went. */
async function makeElsewhere(dataDir: string): Promise<{ readonly said: string; end(): Promise<void> }> {
  const script = `
    import { createPlatform } from ${JSON.stringify(new URL("./index.ts", import.meta.url).href)}
    try { await createPlatform({ dataDir: ${JSON.stringify(dataDir)}, hosts: 1, isolates: 0, spare: false }); console.log("made") }
    catch (error) { console.log(JSON.stringify({ code: error.code, pid: error.details.pid })) }
    process.stdin.resume()`
  const args = ["--conditions=source", "--disable-warning=ExperimentalWarning", "--input-type=module", "-e", script]
  const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] })
  const [text] = (await once(child.stdout, "data")) as [Buffer]
  const end = async (): Promise<void> => {
    child.kill("SIGKILL")
    await once(child, "exit")
  }
  return { said: text.toString().trim(), end }
}

test("a data directory has one owner: a second platform is refused, here and in another process, until the first one is gone", async (t) => {
  const dataDir = mkdtempSync(join(tmpdir(), "mayfly-owner-"))
  t.after(() => rmSync(dataDir, { recursive: true }))
  const options = { dataDir, hosts: 1, isolates: 0, spare: false }
  const inUse = (error: MayflyError): boolean =>
    error.code === "platform.data-dir-in-use" && error.details["pid"] === process.pid
  {
    await using platform = await createPlatform(options)
    await assert.rejects(createPlatform(options), inUse)
    const other = await makeElsewhere(dataDir)
    assert.deepEqual(JSON.parse(other.said), { code: "platform.data-dir-in-use", pid: process.pid })
    await other.end()
    // Readers do not own it.
    await platform.ledger.query()
    await using ledger = await readLedger(dataDir, { hasOwner: true })
    assert.deepEqual((await ledger.query()).rows, [])
  }
  const next = await makeElsewhere(dataDir)
  assert.equal(next.said, "made")
  await assert.rejects(createPlatform(options), { code: "platform.data-dir-in-use" })
  await next.end()
  // A dead owner is none, and neither is a platform that could not be made.
  await assert.rejects(createPlatform({ ...options, network: { allowedOrigins: ["*"] } }), { code: "input.invalid" })
  await (await createPlatform(options)).dispose()
})

test("a data directory that the caller has opened stays the caller's", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "mayfly-opened-"))
  t.after(() => rmSync(folder, { recursive: true }))
  const directory = openDataDirectory(folder)
  const options = { dataDir: directory, hosts: 1, isolates: 0, spare: false }
  await (await createPlatform(options)).dispose()
  assert.throws(() => openDataDirectory(folder), { code: "platform.data-dir-in-use" })
  directory[Symbol.dispose]()
  await assert.rejects(createPlatform(options), { code: "input.invalid" })
})
