import assert from "node:assert/strict"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, test } from "node:test"
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

async function serve(name: string, earlierKey = ""): Promise<Life> {
  const args = ["serve", `${name}.ts`, "--port", "0", "--worker-port", "0", "--data", join(folder, name)]
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

test(
  "the documented workflow example survives kill -9; the same request brings its functions back",
  { timeout: 90_000 },
  () =>
    check("example", example, async ({ mayfly, url, api, key }, task) => {
      await mayfly.output(/1 workflows? waits? for/)
      const headers = { authorization: `Bearer ${key}` }
      const { status, reason } = (await (await fetch(`${api}/v1/workflows/example`, { headers })).json()) as Entry & {
        status: string
        reason: string
      }
      // "queued" until the dispatcher has come to it.
      assert.deepEqual([["queued", "waiting"].includes(status), reason], [true, "needs-code"], status)
      assert.deepEqual(await post(url, task), { workflowId: "example", status: "started" })
    }),
)

test("a served worker that exports resume needs nobody to ask again", { timeout: 90_000 }, () =>
  check("resumable", resumable, async () => {}),
)
