import assert from "node:assert/strict"
import { test } from "node:test"
import { type DynamicWorkerOptions, planWorker, type ProgramPlan } from "mayfly"

function planOf(script: string): Promise<ProgramPlan> {
  return planWorker({ script })
}

const nothing = { origins: [], hasComputedRequests: false, bindings: [], builtins: [], modules: ["main.js"] }

test("planWorker finds origins in literals and templates, and not where the host is computed", async () => {
  const plan = await planOf(`
    const base = "HTTPS://API.Example.com:8443/v1"
    const other = \`https://github.com/\${input.path}\`
    const open = \`https://\${input.host}/x\`
    const half = \`https://evil.\${input.host}\`
    const socket = "wss://live.example.com/feed"
    const text = "see https://docs.example.com for more"
    return 1`)
  assert.deepEqual(plan, {
    ...nothing,
    shape: "body",
    origins: ["https://api.example.com:8443", "https://github.com", "https://live.example.com"],
  })
})

test("planWorker says when a request's address is computed", async () => {
  assert.deepEqual(await planOf(`async () => fetch("https://a.example/x")`), {
    ...nothing,
    shape: "expression",
    origins: ["https://a.example"],
  })
  assert.equal((await planOf("async (input) => fetch(input.url)")).hasComputedRequests, true)
  assert.equal((await planOf("async (input) => fetch(`https://${input.host}/`)")).hasComputedRequests, true)
  assert.equal((await planOf("async (input) => new WebSocket(input.url)")).hasComputedRequests, true)
})

test("planWorker finds bindings however they are read", async () => {
  const plan = await planOf(`
    import { WorkerEntrypoint } from "cloudflare:workers"
    import path from "node:path"
    export class Api extends WorkerEntrypoint { go() { return this.env.FROM_THIS.get("x") } }
    export default {
      async run(input, { TAKEN, RENAMED: other }, ctx) { return path.join(String(input)) },
      async fetch(request, env) { const { DEEP } = env; return env.DB.query(env["QUOTED"]) },
    }`)
  assert.deepEqual(plan, {
    shape: "module",
    origins: [],
    hasComputedRequests: false,
    bindings: ["DB", "DEEP", "FROM_THIS", "QUOTED", "RENAMED", "TAKEN"],
    builtins: ["cloudflare:workers", "node:path"],
    modules: ["main.js"],
  })
})

test("planWorker reads TypeScript, all modules and CommonJS", async () => {
  const options: DynamicWorkerOptions = {
    mainModule: "index.ts",
    modules: {
      "index.ts": `import { go } from "./lib.cjs"; import data from "./data.json"; export default (input: string, env: unknown) => go(input)`,
      "lib.cjs": `exports.go = () => fetch("https://lib.example/")`,
      "data.json": `{"url":"https://only-data.example/"}`,
    },
  }
  const { origins, modules } = await planWorker(options)
  assert.deepEqual(origins, ["https://lib.example"])
  assert.deepEqual(modules, ["data.json", "index.ts", "lib.cjs"])
})

test("planWorker rejects like create for a program that does not compile", async () => {
  await assert.rejects(planOf("const = 1"), { code: "worker.syntax" })
  await assert.rejects(planWorker({ script: 1 as unknown as string }), { code: "input.invalid" })
})
