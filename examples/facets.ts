// Cloudflare's documented example of Durable Object facets: only the line that imports is different. What Cloudflare's configuration says (which class
// has a namespace, what stands in env) stands at the end.
import { DurableObject, DurableObjectNamespace, WorkerLoader, createPlatform } from "mayfly"
import assert from "node:assert/strict"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"

interface Env {
  readonly LOADER: WorkerLoader
}

interface ExecutionContext {
  readonly exports: { readonly AppRunner: DurableObjectNamespace<Env> }
}

// In production, this code would come from an AI agent, a database, or user input.
const AGENT_CODE = `
  import { DurableObject } from "cloudflare:workers";

  export class App extends DurableObject {
    fetch(request) {
      let counter = this.ctx.storage.kv.get("counter") || 0;
      ++counter;
      this.ctx.storage.kv.put("counter", counter);

      return new Response("You have made " + counter + " requests.\\n");
    }
  }
`

export class AppRunner extends DurableObject<Env> {
  async fetch(request: Request): Promise<Response> {
    const facet = this.ctx.facets.get("app", async () => {
      const worker = this.#loadDynamicWorker()
      const appClass = worker.getDurableObjectClass("App")
      return { class: appClass }
    })
    return facet.fetch(request)
  }

  #loadDynamicWorker() {
    const codeId = "agent-code-v1"
    return this.env.LOADER.get(codeId, async () => {
      return {
        compatibilityDate: "2026-04-01",
        mainModule: "worker.js",
        modules: { "worker.js": AGENT_CODE },
        globalOutbound: null, // block network access
      }
    })
  }
}

const worker = {
  async fetch(request: Request, _env: Env, ctx: ExecutionContext): Promise<Response> {
    const obj = ctx.exports.AppRunner.getByName("my-app")
    return obj.fetch(request)
  },
}

const dataDir = await mkdtemp(join(tmpdir(), "facets-"))
for (const counts of [
  [1, 2],
  [3, 4],
]) {
  // The second round is another life of the program: the facet finds what it had stored.
  const platform = await createPlatform({ dataDir })
  const env = { LOADER: new WorkerLoader({ platform }) }
  const ctx = { exports: { AppRunner: new DurableObjectNamespace(AppRunner, { platform, env }) } }
  for (const count of counts) {
    const response = await worker.fetch(new Request("https://example.com/"), env, ctx)
    assert.equal(await response.text(), `You have made ${count} requests.\n`)
  }
  await platform.dispose()
}
await rm(dataDir, { recursive: true })
