import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { once } from "node:events"
import type { Duplex } from "node:stream"
import { test } from "node:test"
import { fileURLToPath } from "node:url"
import type { NamespacePlan } from "./open-namespace-listeners.ts"

const plan: NamespacePlan = { network: null, tcp: [{ host: "127.0.0.1", port: 0 }], udp: [] }

test("the helper ends when the supervisor is killed before it took a socket", { timeout: 20_000 }, async (t) => {
  const file = fileURLToPath(new URL("namespace-helper.ts", import.meta.url))
  // A channel of which only this end is Node's would say that it took what came.
  const env = { ...process.env, NODE_CHANNEL_FD: "3", NODE_CHANNEL_SERIALIZATION_MODE: "json" }
  const helper = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", file], {
    env,
    stdio: ["ignore", "ignore", "inherit", "pipe"],
  })
  t.after(() => helper.kill("SIGKILL"))
  const channel = helper.stdio[3] as Duplex
  channel.write(`${JSON.stringify(plan)}\n`)
  const [told] = (await once(channel, "data")) as [Buffer]
  assert.match(told.toString(), /NODE_HANDLE/)
  channel.destroy()
  assert.deepEqual(await once(helper, "exit"), [0, null])
})
