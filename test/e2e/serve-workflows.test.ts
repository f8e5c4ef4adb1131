import assert from "node:assert/strict"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, test } from "node:test"
import { createPlatform } from "mayfly"
import { type MayflyProcess, startMayfly } from "./mayfly-process.ts"
import { follow, type SentEvent } from "./sent-events.ts"

const folder = mkdtempSync(join(tmpdir(), "mayfly-serve-workflows-"))
const started: MayflyProcess[] = []
after(() => {
  for (const { child } of started) child.kill("SIGKILL")
  rmSync(folder, { recursive: true, force: true })
})

/** The documented example, as it stands. */
const create = `
    const workflow = await DynamicWorkflow.create(env.WORKFLOWS, {
      id: task.taskId,
      steps: task.steps.map((step, i) => ({
        name: \`step-\${i}\`,
        run: async (ctx) => {
          const worker = await ctx.createWorker(step.code);
          return await worker.run(step.input);
        },
        retries: { limit: 3, backoff: "exponential", delay: "1 second" },
      })),
    });
    return Response.json({ workflowId: workflow.id, status: "started" });`

const example = `
export default {
  async fetch(request, env) {
    const task = await request.json();
${create}
  },
}
`

/** The same, which finds its steps in the params after a restart. */
const resumable = `
import { DynamicWorkflow as Imported } from "mayfly"

async function start(task: any, env: any): Promise<string> {
  if (Imported !== DynamicWorkflow) throw new Error("there are two of them")
  const workflow = await DynamicWorkflow.create(env.WORKFLOWS, {
    id: task.taskId,
    params: task,
    steps: task.steps.map((step: any, i: number) => ({
      name: \`step-\${i}\`,
      run: async (ctx: any) => (await ctx.createWorker(step.code)).run(step.input),
    })),
  })
  return workflow.id
}
export async function resume({ id, params }: { id: string; params: any }, env: any): Promise<void> {
  if (params === undefined) throw new Error("nobody knows the steps of " + id)
  await start(params, env)
}
export default {
  async fetch(request: Request, env: any): Promise<Response> {
    return Response.json({ workflowId: await start(await request.json(), env), status: "started" })
  },
}
`

interface Life {
  readonly mayfly: MayflyProcess
  readonly api: string
  readonly url: string
  readonly key: string
}

async function serve(name: string, earlierKey = "", more: readonly string[] = []): Promise<Life> {
  const args = ["serve", `${name}.ts`, "--port", "0", "--worker-port", "0", "--data", join(folder, name), ...more]
  const mayfly = startMayfly(args, { cwd: folder })
  started.push(mayfly)
  const key = earlierKey === "" ? ((await mayfly.output(/admin key: (mf_\S+)/))[1] ?? "") : earlierKey
  const [, api = ""] = await mayfly.output(/^Mayfly is serving at (\S+)$/m)
  const [, url = ""] = await mayfly.output(/^worker is serving at (\S+)$/m)
  return { mayfly, api, url, key }
}

async function post(url: string, task: object): Promise<unknown> {
  const response = await fetch(url, { method: "POST", body: JSON.stringify(task) })
  assert.equal(response.status, 200, await response.clone().text())
  return response.json()
}

/** Ends long enough from now that the process can be killed meanwhile. */
function taskOf(taskId: string): object {
  const until = Date.now() + 5_000
  return {
    taskId,
    steps: [
      { code: "(input) => ({ from: input.from, chance: Math.random() })", input: { from: "step-0" } },
      {
        code: "async ({ until }) => { await new Promise((go) => setTimeout(go, until - Date.now())); return 'waited' }",
        input: { until },
      },
      { code: "({ a, b }) => a + b", input: { a: 1, b: 2 } },
    ],
  }
}

interface Entry {
  readonly type: string
  readonly phase?: string
  readonly step?: { readonly name: string }
  readonly output?: unknown
}

/** Until an entry is there, or the end. */
async function read(life: Life, id: string, until?: (entry: Entry) => boolean): Promise<SentEvent[]> {
  const events: SentEvent[] = []
  for await (const event of follow(`${life.api}/v1/workflows/${id}/events`, life.key)) {
    events.push(event)
    if (until?.(event.data as Entry) === true) break
  }
  return events
}

const isFirstDone = ({ step, phase }: Entry): boolean => step?.name === "step-0" && phase === "ok"

function stepsOf(events: readonly SentEvent[]): string[] {
  const entries = events.map(({ data }) => data as Entry).filter(({ type }) => type === "step")
  return entries.map(({ step, phase }) => `${step?.name} ${phase}`)
}

async function check(
  name: string,
  source: string,
  bringBack: (life: Life, task: object) => Promise<void>,
): Promise<void> {
  writeFileSync(join(folder, `${name}.ts`), source)
  const task = taskOf(name)
  const first = await serve(name)
  assert.deepEqual(await post(first.url, task), { workflowId: name, status: "started" })
  const before = await read(first, name, isFirstDone)
  first.mayfly.child.kill("SIGKILL")
  await first.mayfly.finished
  const second = await serve(name, first.key)
  await bringBack(second, task)
  const all = await read(second, name)
  const end = all.at(-1)?.data as { status: string; output: unknown } | undefined
  assert.deepEqual([end?.status, end?.output], ["complete", 3])
  // What was recorded before the kill stands there unchanged; step-0 ran once.
  assert.deepEqual(all.slice(0, before.length), before)
  assert.deepEqual(
    stepsOf(all).filter((step) => step.startsWith("step-0") && !step.endsWith("start")),
    ["step-0 ok"],
  )
  assert.deepEqual(
    stepsOf(before).filter((step) => step.endsWith("ok")),
    ["step-0 ok"],
  )
  assert.equal(stepsOf(all).filter((step) => step === "step-1 ok").length, 1)
  second.mayfly.child.kill("SIGTERM")
  assert.equal((await second.mayfly.finished).code, 0)
}

test("the documented workflow example survives kill -9: its request is handled again", { timeout: 90_000 }, () =>
  check("example", example, async () => {}),
)

test("a served worker that exports resume needs nobody to ask again", { timeout: 90_000 }, () =>
  check("resumable", resumable, async () => {}),
)

/** Its workflows wait for an event; \`random\` asks for another one at each request. */
const waiting = `
async function start({ id, random }: any, env: any): Promise<string> {
  const workflow = await DynamicWorkflow.create(env.WORKFLOWS, {
    id: random ? crypto.randomUUID() : id,
    params: { id },
    steps: [{ name: "wait", waitForEvent: "go" }, { name: "end", run: () => "went on" }],
  })
  return workflow.id
}
// RESUME
export default {
  async fetch(request: Request, env: any): Promise<Response> {
    return Response.json({ workflowId: await start(await request.json(), env), status: "started" })
  },
}
`

const resume = "export const resume = ({ params, tenant }: any, env: any) => start({ id: params.id, tenant }, env)"

interface State {
  readonly status: string
  readonly reason?: string
  readonly output?: unknown
}

async function call(life: Life, path: string, method = "GET", body?: object): Promise<unknown> {
  const headers = { authorization: `Bearer ${life.key}`, "content-type": "application/json" }
  const given = { method, headers, ...(body && { body: JSON.stringify(body) }) }
  const response = await fetch(`${life.api}/v1/workflows${path}`, given)
  assert.equal(response.status, 200, await response.clone().text())
  return response.json()
}

async function kill(life: Life): Promise<void> {
  life.mayfly.child.kill("SIGKILL")
  await life.mayfly.finished
}

test("after kill -9 only requests without credentials are handled again, and they start nothing", async () => {
  writeFileSync(join(folder, "waiting.ts"), waiting)
  const first = await serve("waiting")
  await post(first.url, { id: "plain" })
  const body = JSON.stringify({ id: "with-key" })
  const asked = await fetch(first.url, { method: "POST", headers: { authorization: "Bearer hunter2" }, body })
  assert.equal(asked.status, 200)
  await post(first.url, { random: true })
  await kill(first)
  const second = await serve("waiting", first.key)
  await second.mayfly.output(/the request, handled again, of workflow [^]*workflow\.handled-again/)
  await second.mayfly.output(/2 workflows wait for their functions/)
  const { workflows } = (await call(second, "")) as { workflows: { id: string }[] }
  assert.equal(workflows.length, 3)
  assert.equal(((await call(second, "/with-key")) as State).reason, "needs-code")
  await call(second, "/plain/events", "POST", { type: "go" })
  const end = (await read(second, "plain")).at(-1)?.data as State | undefined
  assert.deepEqual([end?.status, end?.output], ["complete", "went on"])
  await kill(second)
})

/** Workflow classes as at Cloudflare: one of the worker's own, and one that hands its instances to the guest that made them. */
const classes = `
import { appendFileSync } from "node:fs"
import { WorkflowEntrypoint, WorkflowEvent, WorkflowStep } from "cloudflare:workers"
import { createDynamicWorkflowEntrypoint, DynamicWorkflowBinding, wrapWorkflowBinding } from "@cloudflare/dynamic-workflows"
export { DynamicWorkflowBinding }

const note = (text: string): void => appendFileSync("classes.txt", text + "\\n")
export class Order extends WorkflowEntrypoint {
  async run(event: WorkflowEvent<{ amount: number }>, step: WorkflowStep) {
    const { total } = await step.do("price", async () => {
      note("price")
      return { total: event.payload.amount * 2 }
    })
    await new Promise((resolve) => setTimeout(resolve, 20))
    const answer = await step.waitForEvent("approval", { type: "approved", timeout: "1 hour" })
    const failed = await step.do("fail", { retries: { limit: 0, delay: 1 } }, async () => { throw new RangeError("no") })
      .catch((error: Error) => error.name)
    return [event.workflowName, event.instanceId, total, answer.payload.by, failed, Object.keys(this.env).includes("LOADER")]
  }
}
const guest = \`
  import { WorkflowEntrypoint } from "cloudflare:workers"
  export class Flow extends WorkflowEntrypoint {
    async run(event, step) {
      const one = await step.do("in the guest", async ({ attempt }) => (event.payload?.n ?? 0) + attempt)
      const { payload } = await step.waitForEvent("word", { type: "word" })
      return step.do("again", async () => one + payload)
    }
  }
  export default { fetch: async (request, env) => {
    const tries = [{ id: "own-code", script: "() => 1" }, { id: "other-class", entry: "Order" }]
    for (const options of tries) await env.WORKFLOWS.create(options)
    return new Response((await env.WORKFLOWS.create({ id: "of-guest", params: { n: 1 } })).id)
  } }\`
const load = (tenant: string, env: any, bindings = {}) =>
  env.LOADER.get(tenant, () => ({ mainModule: "m.js", modules: { "m.js": guest }, env: bindings }))
export const OfGuests = createDynamicWorkflowEntrypoint(async ({ metadata, env }: any) => load(metadata.tenant, env).getEntrypoint("Flow"))
export default {
  async fetch(request: Request, env: any): Promise<Response> {
    const options = await request.json()
    if (!options.isOfGuest) return Response.json((await env.WORKFLOWS.create(options)).id)
    const WORKFLOWS = wrapWorkflowBinding({ tenant: "t1" }, { entry: "OfGuests" })
    return Response.json(await (await load("parent", env, { WORKFLOWS }).getEntrypoint().fetch("http://guest/")).text())
  },
}
`

test("exported workflow classes go on after kill -9, also those of guests", { timeout: 90_000 }, async () => {
  writeFileSync(join(folder, "classes.ts"), classes)
  const first = await serve("classes")
  assert.equal(await post(first.url, { id: "order", entry: "Order", params: { amount: 21 } }), "order")
  assert.equal(await post(first.url, { isOfGuest: true }), "of-guest")
  const refused = await fetch(first.url, { method: "POST", body: JSON.stringify({ params: {} }) })
  assert.equal(refused.status, 500)
  await first.mayfly.output(
    /entry must name one of the workflow classes that the worker exports; there are OfGuests, Order/,
  )
  // Whoever has a key may start workflows, but not the worker's own code.
  const headers = { authorization: `Bearer ${first.key}`, "content-type": "application/json" }
  const body = JSON.stringify({ entry: "Order", params: { amount: 1 } })
  assert.equal((await fetch(`${first.api}/v1/workflows`, { method: "POST", headers, body })).status, 400)
  const isWaiting = ({ step, phase }: Entry): boolean => step?.name === "approval" && phase === "start"
  const before = await read(first, "order", isWaiting)
  await read(first, "of-guest", ({ step, phase }) => step?.name === "word" && phase === "start")
  await kill(first)
  const second = await serve("classes", first.key)
  await call(second, "/order/events", "POST", { type: "approved", payload: { by: "me" } })
  await call(second, "/of-guest/events", "POST", { type: "word", payload: "!" })
  const all = await read(second, "order")
  const end = all.at(-1)?.data as State | undefined
  assert.deepEqual([end?.status, end?.output], ["complete", ["Order", "order", 42, "me", "RangeError", true]])
  assert.deepEqual(all.slice(0, before.length), before)
  assert.equal(readFileSync(join(folder, "classes.txt"), "utf8"), "price\n")
  const guests = (await read(second, "of-guest")).at(-1)?.data as State | undefined
  assert.deepEqual([guests?.status, guests?.output], ["complete", "2!"])
  // A guest chooses no code and no class.
  for (const id of ["own-code", "other-class"]) {
    const entries = await read(second, id, ({ step }) => step?.name === "in the guest")
    assert.equal(stepsOf(entries).at(0)?.startsWith("in the guest"), true)
  }
  await kill(second)
  // Without its classes it waits, and says so.
  writeFileSync(join(folder, "classes.ts"), "export default { fetch: () => new Response() }")
  const third = await serve("classes", first.key)
  await third.mayfly.output(/2 workflows wait for their functions/)
  assert.equal(((await call(third, "/own-code")) as State).reason, "needs-code")
  await kill(third)
})

test("resume is asked for every tenant, and again after a reload with --watch", async () => {
  const data = join(folder, "tenants")
  {
    // A program with the library had them before.
    await using platform = await createPlatform({ dataDir: data, hosts: 1, spare: false })
    for (const tenant of ["default", "acme"]) {
      await platform.workflows(tenant).create({
        id: "shared",
        params: { id: "shared" },
        // The text of a function is part of what an instance is.
        steps: [
          { name: "wait", waitForEvent: "go" },
          { name: "end", run: () => "went on" },
        ],
      })
    }
  }
  writeFileSync(join(folder, "tenants.ts"), waiting)
  const life = await serve("tenants", "", ["--watch"])
  await life.mayfly.output(/2 workflows wait for their functions, "shared" and others \(needs-code, 1 of them/)
  assert.equal(((await call(life, "/shared?tenant=acme")) as State).reason, "needs-code")
  writeFileSync(join(folder, "tenants.ts"), waiting.replace("// RESUME", resume))
  await life.mayfly.output(/worker is serving[^]*worker is serving/)
  for (const query of ["", "?tenant=acme"]) {
    await call(life, `/shared/events${query}`, "POST", { type: "go" })
    const states = follow(`${life.api}/v1/workflows/shared/events${query}`, life.key)
    const all: SentEvent[] = []
    for await (const event of states) all.push(event)
    assert.equal((all.at(-1)?.data as State | undefined)?.status, "complete")
  }
  await kill(life)
})
