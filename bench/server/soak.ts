import { script } from "./load.ts"
import { type Growth, growthOf, type SoakSample } from "./flat.ts"
import type { Served } from "./served.ts"

export interface Soak {
  readonly operations: number
  readonly failures: number
  readonly seconds: number
  readonly samples: readonly SoakSample[]
  readonly growth: Growth
}

/** Mixed work at once: runs, failing runs, event streams, clients that go away, workflows, handlers. Memory and descriptors must stay flat. */
export async function soak(served: Served, operations: number, clients = 8): Promise<Soak> {
  const samples: SoakSample[] = []
  const started = performance.now()
  let done = 0
  let failures = 0
  const sample = (): void => void samples.push({ done, ...served.memory(), descriptors: served.descriptors() })
  const step = Math.max(1, Math.floor(operations / 100))
  const client = async (): Promise<void> => {
    while (done < operations) {
      const kind = kinds[done % kinds.length] as Kind
      done++
      if (done % step === 0) sample()
      if (!(await kind(served, done))) failures++
    }
  }
  await Promise.all(Array.from({ length: clients }, client))
  const seconds = (performance.now() - started) / 1_000
  return { operations: done, failures, seconds, samples, growth: growthOf(samples) }
}

type Kind = (served: Served, index: number) => Promise<boolean>

async function post(
  { url, key }: Served,
  path: string,
  body: object,
  { accept = "application/json", signal }: { readonly accept?: string; readonly signal?: AbortSignal } = {},
): Promise<Response> {
  const headers = { authorization: `Bearer ${key}`, "content-type": "application/json", accept }
  const init = { method: "POST", headers, body: JSON.stringify(body) }
  return fetch(`${url}${path}`, signal === undefined ? init : { ...init, signal })
}

const run = async (served: Served, body: object): Promise<{ ok: boolean }> =>
  (await (await post(served, "/v1/run", body)).json()) as { ok: boolean }

const kinds: readonly Kind[] = [
  async (served) => (await run(served, { script, input: { a: 1, b: 2 } })).ok,
  async (served) => !(await run(served, { script: "throw new Error('no')" })).ok,
  async (served) =>
    (
      await run(served, {
        script: "const rows = Array.from({ length: 50_000 }, (_, i) => ({ i })); return rows.length",
      })
    ).ok,
  async (served) => {
    const accept = "text/event-stream"
    const events = await post(served, "/v1/run", { script: "console.log('a'); return 1" }, { accept })
    return /event: result/.test(await events.text())
  },
  async (served) => {
    const signal = AbortSignal.timeout(20)
    const wait = { script: "await new Promise((done) => setTimeout(done, 60_000))" }
    return post(served, "/v1/run", wait, { signal }).then(
      () => false,
      () => true,
    )
  },
  async (served, index) => {
    const steps = [{ name: "one", code: "() => 1" }]
    const made = await post(served, "/v1/workflows", { id: `soak-${index}`, steps })
    return made.status < 300
  },
  async (served) =>
    (
      await run(served, {
        script: "export default { fetch: (request) => new Response(request.url) }",
        request: { url: "https://a.example/" },
      })
    ).ok,
  async ({ url }) => (await fetch(`${url}/v1/run`, { method: "POST", body: "{" })).status === 401,
]
