/** `--experimental` on the command line is what allows the worker loader. */
export const workerdConfig = `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .parent)],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
const parent :Workerd.Worker = (
  modules = [(name = "parent.js", esModule = embed "parent.js")],
  compatibilityDate = "2026-01-28",
  bindings = [(name = "LOADER", workerLoader = (id = "bench"))],
);
`

/**
 * The worker that loads others. It calls them by RPC: a fetch handler with a JSON body measures the same or worse.
 * Its clock stands still between I/O, so loops are timed from outside.
 */
export const workerdParent = `
const main = \`import program from "program.js"
import { WorkerEntrypoint } from "cloudflare:workers"
export default class extends WorkerEntrypoint { run(input) { return program(input) } }\`
let program = ""
const held = []

function code() {
  const modules = { "main.js": main, "program.js": program }
  return { compatibilityDate: "2026-01-28", mainModule: "main.js", modules, globalOutbound: null }
}

const kinds = {
  load: (loader) => loader.load(code()),
  get: (loader) => loader.get("warm", code),
}

async function loop(loader, kind, clients, runs) {
  let left = runs
  async function client() {
    while (left-- > 0) {
      const answer = await kinds[kind](loader).getEntrypoint().run({ a: 1, b: 2 })
      if (answer.sum !== 3) throw new Error("wrong answer")
    }
  }
  await Promise.all(Array.from({ length: clients }, client))
}

export default {
  async fetch(request, { LOADER }) {
    const url = new URL(request.url)
    const parameter = (name) => url.searchParams.get(name)
    switch (url.pathname) {
      case "/program":
        program = await request.text()
        return new Response()
      case "/run": {
        const worker = kinds[parameter("kind")](LOADER).getEntrypoint()
        return Response.json(await worker.run(await request.json()))
      }
      case "/loop":
        await loop(LOADER, parameter("kind"), Number(parameter("clients")), Number(parameter("runs")))
        return new Response()
      case "/hold":
        for (let left = Number(parameter("count")); left > 0; left--) {
          const worker = LOADER.get("held " + held.length, code).getEntrypoint()
          await worker.run({ a: 1, b: 2 })
          held.push(1)
        }
        return new Response()
    }
    return new Response("no such path", { status: 404 })
  },
}
`
