import assert from "node:assert/strict"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, test } from "node:test"
import { createPlatform } from "@mayfly/platform"
import { ServedWorker } from "./served-worker.ts"

const folder = mkdtempSync(join(tmpdir(), "mayfly-served-"))
after(() => rmSync(folder, { recursive: true }))
const platform = await createPlatform({ hosts: 1, spare: false })
after(() => platform.dispose())

/** A workflow binding that keeps what it is given. */
function workflows(): { created: unknown[]; binding: object } {
  const created: unknown[] = []
  const instance = (id: string): object => ({
    id,
    status: () => ({ status: "queued" }),
    sendEvent: (event: object) => event,
  })
  const create = async (options: { id?: string }): Promise<object> => {
    created.push(options)
    return instance(options.id ?? "new")
  }
  const createBatch = (batch: { id?: string }[]): Promise<object[]> => Promise.all(batch.map(create))
  return { created, binding: { create, createBatch, get: async (id: string) => instance(id) } }
}

test("dynamic-workflows marks what a guest creates, and hands an instance to its guest", async () => {
  const path = join(folder, "dispatcher.ts")
  writeFileSync(
    path,
    `import { DynamicWorkflowBinding, createDynamicWorkflowEntrypoint, wrapWorkflowBinding } from "@cloudflare/dynamic-workflows"
     export { DynamicWorkflowBinding }
     export const Flow = createDynamicWorkflowEntrypoint(async ({ metadata, env }) => ({
       run: (event, step) => [metadata.tenant, event.payload, event.instanceId, step, Object.keys(env)],
     }))
     const guest = \`export default { async fetch(request, env) {
       const one = await env.WORKFLOWS.create({ id: "one", params: { n: 1 } })
       const [two] = await env.WORKFLOWS.createBatch([{ id: "two" }])
       const three = await env.WORKFLOWS.get("three")
       return Response.json([one.id, await one.status(), two.id, three.id, await three.sendEvent({ type: "go" }), Object.keys(one)])
     } }\`
     export default {
       async fetch(request: Request, env: any, ctx: any) {
         if (request.method === "POST") {
           const { params } = await request.json()
           const flow = new Flow(ctx, { A: 1 })
           const ran = await flow.run({ payload: params, instanceId: "one" }, "step")
           const missing = await flow.run({ payload: {} }, "step").catch((error: Error) => error.name)
           return Response.json([ran, missing])
         }
         const worker = env.LOADER.load({ mainModule: "m.js", modules: { "m.js": guest }, env: { WORKFLOWS: wrapWorkflowBinding({ tenant: "t1" }) } })
         return worker.getEntrypoint().fetch(request)
       },
     }`,
  )
  const { created, binding } = workflows()
  const failures: unknown[] = []
  using worker = new ServedWorker({
    path,
    bindings: () => ({ LOADER: platform.env.LOADER, WORKFLOWS: binding }),
    onFailure: (_, error) => failures.push(error),
  })
  await worker.load()
  assert.deepEqual(await (await worker.fetch(new Request("http://x/"))).json(), [
    "one",
    { status: "queued" },
    "two",
    "three",
    { type: "go" },
    ["id", "status", "pause", "resume", "terminate", "restart", "sendEvent"],
  ])
  const params = { __dispatcherMetadata: { tenant: "t1" }, params: { n: 1 } }
  assert.deepEqual(created[0], { id: "one", params })
  const response = await worker.fetch(new Request("http://x/", { method: "POST", body: JSON.stringify({ params }) }))
  assert.deepEqual(await response.json(), [["t1", { n: 1 }, "one", "step", ["A"]], "MissingDispatcherMetadataError"])
  assert.deepEqual(failures, [])
})

test("ServedWorker answers server.no-worker before it is loaded, and settles what waitUntil got", async () => {
  const path = join(folder, "plain.js")
  writeFileSync(
    path,
    `let release
     export default { fetch(request, env, ctx) {
       if (request.method === "DELETE") release()
       else ctx.waitUntil(new Promise((resolve) => { release = resolve }).then(() => env.done.push(1)))
       return new Response("ok")
     } }`,
  )
  const done: number[] = []
  using worker = new ServedWorker({ path, bindings: () => ({ done }), onFailure: () => {} })
  await assert.rejects(worker.fetch(new Request("http://x/")), { code: "server.no-worker" })
  await worker.load()
  await worker.fetch(new Request("http://x/"))
  const settled = worker.settle()
  assert.deepEqual(done, [])
  await worker.fetch(new Request("http://x/", { method: "DELETE" }))
  await settled
  assert.deepEqual(done, [1])
})

test("ServedWorker keeps the newest version when an older one takes longer to load", async () => {
  const path = join(folder, "versions.js")
  const gate = Promise.withResolvers<void>()
  const begun = Promise.withResolvers<void>()
  const wait = (): Promise<void> => (begun.resolve(), gate.promise)
  using worker = new ServedWorker({ path, bindings: () => ({ wait }), onFailure: () => {} })
  writeFileSync(
    path,
    `import { env } from "cloudflare:workers"
     await env.wait()
     export default { fetch: () => new Response("old") }`,
  )
  const old = worker.load()
  await begun.promise
  writeFileSync(path, `export default { fetch: () => new Response("new") }`)
  await worker.load()
  gate.resolve()
  await old
  assert.equal(await (await worker.fetch(new Request("http://x/"))).text(), "new")
})
