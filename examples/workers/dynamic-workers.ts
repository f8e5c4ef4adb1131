/// <reference types="mayfly/worker" />
// What Cloudflare documents for dynamic workers, one path each, in a worker as one would write it there: load and get, custom bindings, egress
// control, tails, custom limits, static assets.
import { WorkerEntrypoint } from "cloudflare:workers"

interface Env {
  readonly LOADER: InstanceType<typeof WorkerLoader>
}

type Handler = (request: Request, env: Env, ctx: ExecutionContext) => Promise<Response>

const code = (main: string): { compatibilityDate: string; mainModule: string; modules: Record<string, string> } => ({
  compatibilityDate: "2026-01-01",
  mainModule: "index.js",
  modules: { "index.js": main },
})

/** A custom binding: the room's name is the parent's to give, a guest can't choose another. */
export class Room extends WorkerEntrypoint<Env, { room: string }> {
  async post(text: string): Promise<string> {
    return `${text.slice(0, 80)} (in ${this.ctx.props.room})`
  }
}

/** Egress control: every request of the guest comes here first. */
export class Outbound extends WorkerEntrypoint<Env, { token: string }> {
  async fetch(request: Request): Promise<Response> {
    const { hostname, pathname } = new URL(request.url)
    if (hostname !== "api.example.com") return new Response("forbidden", { status: 403 })
    const sent = new Headers(request.headers)
    sent.set("authorization", `Bearer ${this.ctx.props.token}`)
    // A real gateway would fetch here.
    return Response.json({ pathname, isAuthorized: sent.has("authorization") })
  }
}

const told: unknown[] = []
let wake = (): void => {}

/** Observability: told after each invocation. */
export class Tail extends WorkerEntrypoint<Env, { workerId: string }> {
  tail(events: readonly { readonly outcome: string; readonly logs: readonly { readonly message: unknown }[] }[]): void {
    for (const { outcome, logs } of events)
      told.push([this.ctx.props.workerId, outcome, logs.map(({ message }) => message)])
    wake()
  }
}

const files = new Map([
  ["/index.html", ["text/html", "<h1>hello</h1>"]],
  ["/app.js", ["text/javascript", "console.log('hello')"]],
])

/** Static assets: the parent has the files, the guest asks for them. */
export class Assets extends WorkerEntrypoint<Env, { project: string }> {
  fetch(request: Request): Response {
    const { pathname } = new URL(request.url)
    const [type, text] = files.get(pathname === "/" ? "/index.html" : pathname) ?? []
    if (type === undefined) return new Response("not found", { status: 404 })
    return new Response(text, { headers: { "content-type": type, "x-project": this.ctx.props.project } })
  }
}

const load: Handler = async (request, env) =>
  env.LOADER.load(code("export default { fetch: () => new Response('loaded once') }")).getEntrypoint().fetch(request)

let loads = 0

const get: Handler = async (request, env) => {
  // Called when the id is not loaded; a second call finds it there.
  const getCode = async (): Promise<ReturnType<typeof code>> => {
    loads++
    return code("export default { fetch: () => new Response('loaded by id') }")
  }
  const answers = []
  for (let call = 0; call < 2; call++)
    answers.push(await (await env.LOADER.get("page-v1", getCode).getEntrypoint().fetch(request)).text())
  return Response.json([...answers, loads])
}

const bindings: Handler = async (request, env, ctx) => {
  const name = new URL(request.url).searchParams.get("name") ?? "Ada"
  const worker = env.LOADER.get("room-v1", async () => ({
    ...code(`import { WorkerEntrypoint } from "cloudflare:workers"
      export class Agent extends WorkerEntrypoint { greet(name) { return this.env.ROOM.post("hello " + name) } }`),
    env: { ROOM: ctx.exports["Room"]({ props: { room: "#agents" } }) },
    globalOutbound: null,
  }))
  const greet = worker.getEntrypoint("Agent")["greet"] as ((name: string) => Promise<string>) | undefined
  return new Response(await greet?.(name))
}

const egress: Handler = async (request, env, ctx) => {
  const asking = `export default { async fetch() {
    const allowed = await fetch("https://api.example.com/data"), refused = await fetch("https://example.org/")
    return Response.json([await allowed.json(), refused.status]) } }`
  const blocked = `export default { fetch: () => fetch("https://example.com/").catch((error) => new Response(error.message)) }`
  const open = env.LOADER.load({
    ...code(asking),
    globalOutbound: ctx.exports["Outbound"]({ props: { token: "secret" } }),
  })
  const shut = env.LOADER.load({ ...code(blocked), globalOutbound: null })
  const [seen, message] = [await open.getEntrypoint().fetch(request), await shut.getEntrypoint().fetch(request)]
  return Response.json([...((await seen.json()) as unknown[]), (await message.text()).includes("not permitted")])
}

const tails: Handler = async (request, env, ctx) => {
  const done = new Promise<void>((resolve) => (wake = resolve))
  const worker = env.LOADER.load({
    ...code("export default { fetch() { console.log('working', 1); return new Response('done') } }"),
    tails: [ctx.exports["Tail"]({ props: { workerId: "w1" } })],
  })
  await (await worker.getEntrypoint().fetch(request)).text()
  await done
  return Response.json(told)
}

const limits: Handler = async (request, env) => {
  const worker = env.LOADER.load({ ...code("export default { fetch() { for (;;); } }"), limits: { cpuMs: 500 } })
  const entrypoint = worker.getEntrypoint(null, { limits: { cpuMs: 20, subRequests: 5 } })
  return entrypoint.fetch(request).catch((error: Error) => new Response(error.message))
}

const assets: Handler = async (request, env, ctx) => {
  const worker = env.LOADER.get("site-v1", async () => ({
    ...code(`export default { async fetch(request, env) {
      const { pathname } = new URL(request.url)
      if (pathname.startsWith("/api/")) return Response.json({ hello: "world" })
      return env.ASSETS.fetch(request) } }`),
    env: { ASSETS: ctx.exports["Assets"]({ props: { project: "site" } }) },
  }))
  const answers = ["/", "/app.js", "/missing", "/api/x"].map(async (path) => {
    const response = await worker.getEntrypoint().fetch(new Request(new URL(path, request.url)))
    return [response.status, response.headers.get("content-type"), await response.text()]
  })
  return Response.json(await Promise.all(answers))
}

const handlers = new Map<string, Handler>(Object.entries({ load, get, bindings, egress, tails, limits, assets }))

export default {
  async fetch(request: Request, env: Env, ctx: ExecutionContext): Promise<Response> {
    const handler = handlers.get(new URL(request.url).pathname.slice(1))
    return handler === undefined ? new Response("not found", { status: 404 }) : handler(request, env, ctx)
  },
}
