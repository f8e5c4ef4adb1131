import assert from "node:assert/strict"
import { existsSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { after, test } from "node:test"
import { temporaryFolder } from "./facet-fixture.ts"
import { startMayfly } from "./mayfly-process.ts"

const folder = temporaryFolder()
after(() => rmSync(folder, { recursive: true }))

const worker = `
import { DurableObject } from "cloudflare:workers"

const AGENT_CODE = \`
  import { DurableObject } from "cloudflare:workers";
  export class App extends DurableObject {
    fetch(request) {
      let counter = this.ctx.storage.kv.get("counter") || 0;
      ++counter;
      this.ctx.storage.kv.put("counter", counter);
      return new Response("You have made " + counter + " requests.");
    }
  }
\`

export class AppRunner extends DurableObject<any> {
  async fetch(request: Request): Promise<Response> {
    const facet = this.ctx.facets.get("app", async () => {
      const worker = this.env.LOADER.get("agent-code-v1", async () => ({
        compatibilityDate: "2026-04-01", mainModule: "worker.js", modules: { "worker.js": AGENT_CODE }, globalOutbound: null,
      }))
      return { class: worker.getDurableObjectClass("App") }
    })
    return await facet.fetch(request)
  }
}

export default {
  async fetch(request: Request, env: any, ctx: any): Promise<Response> {
    return await ctx.exports.AppRunner.getByName("my-app").fetch(request)
  },
}
`

test(
  "mayfly serve runs the documented facet example as it is, and its count outlives a kill",
  { timeout: 60_000 },
  async () => {
    writeFileSync(join(folder, "worker.ts"), worker)
    const texts: string[] = []
    for (let life = 0; life < 2; life++) {
      const args = ["serve", "worker.ts", "--port", "0", "--worker-port", "0", "--data", join(folder, "data")]
      const started = startMayfly(args, { cwd: folder })
      const [, url = ""] = await started.output(/^worker is serving at (\S+)$/m)
      for (let request = 0; request < 2; request++) texts.push(await (await fetch(url)).text())
      started.child.kill("SIGKILL")
      await started.finished
    }
    assert.equal(existsSync(join(folder, "data", "objects")), true)
    assert.deepEqual(
      texts,
      [1, 2, 3, 4].map((count) => `You have made ${count} requests.`),
    )
  },
)
