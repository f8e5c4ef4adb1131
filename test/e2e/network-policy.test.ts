import assert from "node:assert/strict"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { after, test } from "node:test"
import { createPlatform, DynamicWorker, PolicyHandle } from "@mayfly/platform"
import { createKey, hashKey, listen, startServer } from "@mayfly/server"

const target = createServer((_request, response) => response.end("reached"))
await new Promise<void>((resolve) => target.listen(0, "127.0.0.1", resolve))
const origin = `http://127.0.0.1:${(target.address() as AddressInfo).port}`
const platform = await createPlatform({ hosts: 1, spare: false })
after(async () => {
  target.closeAllConnections()
  target.close()
  await platform.dispose()
})

const twice = `const tryFetch = async () => { try { return await (await fetch(input)).text() } catch (error) { return error.code } }
  const first = await tryFetch()
  await env.between()
  return [first, await tryFetch()]`

test("a handle changes the policy of a run that is under way", async () => {
  const network = new PolicyHandle({ allowedOrigins: [origin] })
  const env = { between: () => network.replace({}, { reason: "incident" }) }
  await using worker = await DynamicWorker.create({ script: twice, platform, network, env })
  const run = await worker.execute(origin)
  assert.deepEqual(run.ok && run.result, ["reached", "mesh.denied"])
  assert.equal(new Set(run.egress.map(({ policyHash }) => policyHash)).size, 2)
})

test("a plain policy stays as it was when its worker was created", async () => {
  const network = { allowedOrigins: [origin] }
  const env = { between: () => void network.allowedOrigins.pop() }
  await using worker = await DynamicWorker.create({ script: twice, platform, network, env })
  const run = await worker.execute(origin)
  assert.deepEqual(run.ok && run.result, ["reached", "reached"])
})

test("a program cannot reach the API that it runs under, whatever its policy says", async () => {
  const key = createKey()
  const listener = await listen({ port: 0, host: "127.0.0.1" })
  const server = startServer(listener, { platform, keyHashes: [hashKey(key)] })
  after(() => server.stop())
  const own = `http://localhost:${server.port}`
  const script = `try { return (await fetch(${JSON.stringify(`${own}/healthz`)})).status } catch (error) { return error.code }`
  const response = await fetch(`${server.url}/v1/run`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ script, network: { allowedOrigins: [own, "*"], allowAll: true } }),
  })
  const run = (await response.json()) as { result: string; egress: { reason: string }[] }
  assert.deepEqual([run.result, run.egress.map(({ reason }) => reason)], ["mesh.denied", ["own-listener"]])
})
