import assert from "node:assert/strict"
import { fork } from "node:child_process"
import { once } from "node:events"
import type { Server } from "node:net"
import { test } from "node:test"
import { fileURLToPath } from "node:url"
import type { NamespacePlan } from "./open-namespace-listeners.ts"

test("the helper ends when the supervisor is gone, whatever it listened on", { timeout: 20_000 }, async (t) => {
  const helper = fork(fileURLToPath(new URL("namespace-helper.ts", import.meta.url)), { serialization: "advanced" })
  t.after(() => helper.kill("SIGKILL"))
  const plan: NamespacePlan = { network: null, tcp: [{ host: "127.0.0.1", port: 0 }], udp: [] }
  helper.send(plan)
  const [told, server] = (await once(helper, "message")) as [{ kind: string }, Server]
  server.close()
  assert.equal(told.kind, "tcp")
  helper.disconnect()
  const [code] = (await once(helper, "exit")) as [number]
  assert.equal(code, 0)
})
