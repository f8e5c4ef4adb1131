import assert from "node:assert/strict"
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, test } from "node:test"
import { MayflyError } from "@mayfly/protocol"
import { openStore } from "@mayfly/store"
import { BubblewrapProvider } from "./bubblewrap/bubblewrap-provider.ts"
import { Sandboxes } from "./sandboxes.ts"

const folder = mkdtempSync(join(tmpdir(), "mayfly-hostile-agent-"))
const agent = join(folder, "agent")
mkdirSync(agent)
copyFileSync(new URL("hostile-agent.fixture.cjs", import.meta.url), join(agent, "agent.cjs"))
const store = openStore()
const home = new Sandboxes({
  store: () => store,
  directory: join(folder, "sandboxes"),
  provider: (directory) => new BubblewrapProvider({ directory, agent }),
})
after(async () => {
  await home.dispose()
  await (await store).close()
  rmSync(folder, { recursive: true })
})

/** What it gave, as a kind; a coded error is as good as a value of the right kind. */
async function kindOf(work: Promise<unknown>): Promise<string> {
  try {
    const value = await work
    return Array.isArray(value) ? "list" : value instanceof Uint8Array ? "bytes" : typeof value
  } catch (error) {
    return error instanceof MayflyError && error.code !== "input.invalid" ? "refused" : `threw ${String(error)}`
  }
}

test("whatever an agent that was taken over says, each call ends as a value of its kind or a coded error", async () => {
  const sandbox = await home.create()
  const abort = AbortSignal.timeout(60_000)
  const calls: Readonly<Record<string, readonly [string, () => Promise<unknown>]>> = {
    exec: ["object", () => sandbox.exec("true", { signal: abort })],
    read: ["bytes", () => sandbox.files.read("file", { maxBytes: 100_000 })],
    write: ["number", () => sandbox.files.write("file", "text")],
    list: ["list", () => sandbox.files.list()],
    stat: ["object", () => sandbox.files.stat("file")],
    exists: ["boolean", () => sandbox.files.exists("file")],
    mkdir: ["undefined", () => sandbox.files.mkdir("folder")],
    runCode: ["object", () => sandbox.runCode("python", "1", { signal: abort })],
    import: ["undefined", () => sandbox.import(new Uint8Array(10))],
    clone: ["object", () => sandbox.git.clone("http://git.test/a.git", { signal: abort })],
    spawn: ["object", async () => (await sandbox.spawn("true")).waitForExit({ signal: abort })],
    shell: ["object", async () => (await sandbox.shell()).exec("true", { signal: abort })],
  }
  for (let round = 0; round < 4; round++) {
    for (const [name, [kind, call]] of Object.entries(calls)) {
      const got = await kindOf(call())
      assert.ok(got === kind || got === "refused", `${name}: ${got}`)
    }
  }
  await sandbox.destroy()
})
