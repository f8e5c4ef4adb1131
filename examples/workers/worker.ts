/// <reference types="mayfly/worker" />
// A worker for `mayfly serve`: it runs code that callers post, with one binding and a gateway as the only way out.
import { WorkerEntrypoint } from "cloudflare:workers"

interface Env {
  readonly LOADER: InstanceType<typeof WorkerLoader>
  readonly API_TOKEN: string
}

/** What guests may do: write notes, each only as the tenant that this stub was made for. */
export class Notes extends WorkerEntrypoint<Env, { tenant: string }> {
  write(text: string): string {
    return `${this.ctx.props.tenant} wrote ${text}`
  }
}

/** Sees every request of a guest; only this class knows the token. */
export class Gateway extends WorkerEntrypoint<Env> {
  fetch(request: Request): Response {
    const { hostname } = new URL(request.url)
    if (hostname !== "api.example.com") return new Response("not this host", { status: 403 })
    // A real gateway would fetch here.
    return Response.json({ authorization: `Bearer ${this.env.API_TOKEN.length} characters` })
  }
}

export default {
  async fetch(request: Request, env: Env, ctx: ExecutionContext): Promise<Response> {
    const { pathname } = new URL(request.url)
    return pathname === "/run" ? runScript(request) : loadWorker(request, env, ctx)
  },
}

/** `{ script, input }` in, the run out. */
async function runScript(request: Request): Promise<Response> {
  const { script, input } = (await request.json()) as { script: string; input: unknown }
  await using worker = await DynamicWorker.create({ script, limits: { cpuMs: 500 } })
  const run = await worker.execute(input)
  return run.ok ? Response.json({ result: run.result }) : Response.json({ error: run.error }, { status: 422 })
}

/** As in code written for Cloudflare. */
function loadWorker(request: Request, env: Env, ctx: ExecutionContext): Promise<Response> {
  const worker = env.LOADER.get("notes-v1", () => ({
    compatibilityDate: "2026-01-01",
    mainModule: "main.js",
    modules: {
      "main.js": `
        export default {
          async fetch(request, env) {
            const note = await env.NOTES.write(await request.text())
            const good = await fetch("https://api.example.com/data")
            const bad = await fetch("https://evil.example/")
            return Response.json({ note, data: await good.json(), other: bad.status })
          },
        }`,
    },
    env: { NOTES: ctx.exports["Notes"]({ props: { tenant: "alice" } }) },
    globalOutbound: ctx.exports["Gateway"],
  }))
  return worker.getEntrypoint().fetch(request)
}
