import { join } from "node:path"
import { checkLastStep, type StartOptions, type WorkflowContender } from "../contender.ts"
import { Entrances } from "../entrances.ts"
import { importPeer } from "../peers.ts"

interface Miniflare {
  readonly ready: Promise<URL>
  dispatchFetch(url: string, init: { method: string; body: string }): Promise<{ ok: boolean; text(): Promise<string> }>
  dispose(): Promise<void>
}

interface Main {
  Miniflare: new (options: object) => Miniflare
  NoOpLog: new () => object
}

interface Told {
  readonly id: string
  readonly answer: unknown
}

/** The end of an instance is told by itself, a little before its last write: asking for its status would be more work than the workflow. */
const worker = `
import { WorkflowEntrypoint } from "cloudflare:workers"

const tell = (env, path, body) => env.HOST.fetch("http://host/" + path, { method: "POST", body: JSON.stringify(body) })

export class Flow extends WorkflowEntrypoint {
  async run(event, step) {
    const { id, kind, given } = event.payload
    let answer
    if (kind === "steps") for (let n = 0; n < given; n++) answer = await step.do("step-" + n, async () => n)
    if (kind === "sleeper") {
      await step.sleep("until", Math.max(1, given - Date.now()))
      answer = await step.do("late", async () => Number(await (await tell(this.env, "now", {})).text()) - given)
    }
    if (kind === "stuck") {
      await step.do("before", async () => 1)
      await step.do("under way", async () => {
        await tell(this.env, "enter", { id })
        return new Promise(() => {})
      })
    }
    await tell(this.env, "end", { id, answer })
  }
}

export default {
  async fetch(request, env) {
    const { prefix, count, kind, given } = await request.json()
    const create = (n) => env.FLOW.create({ id: prefix + "-" + n, params: { id: prefix + "-" + n, kind, given } })
    await Promise.all(Array.from({ length: count }, (_, n) => create(n)))
    return new Response()
  },
}
`

/** Cloudflare's engine for development: workerd below this process. Clocks stand still inside it, so the time of waking is this process's. */
export async function startMiniflare({ folder }: StartOptions): Promise<WorkflowContender> {
  const { Miniflare, NoOpLog } = await importPeer<Main>("miniflare")
  const entrances = new Entrances()
  const ends = new Map<string, (answer: unknown) => void>()
  const { Response } = await importPeer<{ Response: new (body: string) => object }>("miniflare")
  const miniflare = new Miniflare({
    modules: true,
    script: worker,
    compatibilityDate: "2026-01-28",
    workflows: { FLOW: { name: "flow", className: "Flow" } },
    workflowsPersist: join(folder, "workflows"),
    serviceBindings: {
      async HOST(request: { url: string; json(): Promise<Told> }) {
        const path = new URL(request.url).pathname
        const { id, answer } = await request.json()
        if (path === "/enter") entrances.enter(id)
        if (path === "/end") ends.get(id)?.(answer)
        return new Response(String(Date.now()))
      },
    },
    cf: false,
    log: new NoOpLog(),
  })
  await miniflare.ready
  const start = async (kind: string, prefix: string, count: number, given: number): Promise<void> => {
    const body = JSON.stringify({ prefix, count, kind, given })
    const response = await miniflare.dispatchFetch("http://bench/", { method: "POST", body })
    const text = await response.text()
    if (!response.ok) throw new Error(`miniflare: ${text.slice(0, 300)}`)
  }
  const all = async (kind: string, prefix: string, count: number, given: number): Promise<unknown[]> => {
    const ended = Array.from({ length: count }, (_, n) => new Promise((resolve) => ends.set(`${prefix}-${n}`, resolve)))
    await start(kind, prefix, count, given)
    return Promise.all(ended)
  }
  return {
    async run(prefix, count, steps) {
      checkLastStep(await all("steps", prefix, count, steps), steps)
    },
    sleep: async (prefix, count, at) => (await all("sleeper", prefix, count, at)) as number[],
    async begin(count) {
      await start("stuck", "stuck", count, 0)
      await entrances.all(count)
    },
    resume: (count) => entrances.all(count),
    stop: () => miniflare.dispose(),
  }
}
