import assert from "node:assert/strict"
import { after, test } from "node:test"
import { createPlatform, WorkerLoader } from "@mayfly/platform"

const platform = await createPlatform({ hosts: 1, spare: false })
after(() => platform.dispose())

const loader = new WorkerLoader({ platform })
const code = (main: string, more: object = {}): { mainModule: string; modules: Record<string, string> } => ({
  ...more,
  mainModule: "main.js",
  modules: { "main.js": main },
})

test("loader.get loads lazily, once per id, and keeps the isolate warm", async () => {
  let loads = 0
  const getCode = async (): Promise<ReturnType<typeof code>> => {
    loads++
    return code("let n = 0; export default { fetch: () => new Response(String(++n)), add: (a, b) => a + b }")
  }
  const stub = loader.get("counter", getCode)
  assert.equal(loads, 0)
  const texts = []
  for (let turn = 0; turn < 3; turn++) texts.push(await (await stub.getEntrypoint().fetch("https://x/")).text())
  assert.deepEqual(
    [
      texts,
      await loader
        .get("counter", getCode)
        .getEntrypoint()
        .add?.(...([2, 3] as never[])),
      loads,
    ],
    [["1", "2", "3"], 5, 1],
  )
})

test("loader.load and a null id keep nothing", async () => {
  const main = "let n = 0; export default { fetch: () => new Response(String(++n)) }"
  const stub = loader.load(code(main))
  assert.equal(await (await stub.getEntrypoint().fetch("https://x/")).text(), "1")
  assert.equal(await (await stub.getEntrypoint().fetch("https://x/")).text(), "1")
})

test("entrypoints: named exports, classes with ctx and env, props", async () => {
  const stub = loader.get("entries", () =>
    code(
      `export class Greeter { constructor(ctx, env) { this.ctx = ctx; this.env = env }
         greet(name) { return this.env.word + " " + name + " from " + this.ctx.props.who } }
       export const plain = { twice: (n) => n * 2 }`,
      { env: { word: "hello" } },
    ),
  )
  const greeter = stub.getEntrypoint("Greeter", { props: { who: "me" } })
  assert.equal(await greeter["greet"]?.(...(["you"] as never[])), "hello you from me")
  assert.equal(await stub.getEntrypoint("plain")["twice"]?.(...([4] as never[])), 8)
  await assert.rejects(async () => stub.getEntrypoint("missing")["x"]?.(), {
    code: "worker.no-entrypoint",
    message: 'the worker has no entrypoint "missing"',
  })
  await assert.rejects(async () => stub.getEntrypoint()["x"]?.(), { message: "the worker has no default entrypoint" })
  await assert.rejects(async () => stub.getEntrypoint("plain")["constructor"]?.(), { code: "worker.no-entrypoint" })
})

test("errors of the callback and of the program reach each caller, and the next get tries again", async () => {
  let fails = true
  const stub = loader.get("fails", () => {
    if (fails) throw new Error("no code today")
    return code("export default { ok: () => 1 }")
  })
  const calls = [stub.getEntrypoint()["ok"]?.(), stub.getEntrypoint()["ok"]?.()]
  for (const call of calls) await assert.rejects(async () => call, { message: "no code today" })
  fails = false
  assert.equal(await stub.getEntrypoint()["ok"]?.(), 1)
  await assert.rejects(
    async () => loader.load(code("throw new Error('at start'); export default {}")).getEntrypoint()["x"]?.(),
    { code: "worker.guest", message: "Error: at start" },
  )
})

test("globalOutbound: null denies, a fetcher gets every request, omitted denies by default", async () => {
  const main =
    "export default { get: async (url) => { const r = await fetch(url, { method: 'POST', body: 'b' }); return [r.status, await r.text()] } }"
  const seen: string[] = []
  const gateway = {
    async fetch(request: Request): Promise<Response> {
      seen.push(`${request.method} ${request.url} ${await request.text()}`)
      return new Response("from the gateway", { status: 203 })
    },
  }
  const get = (globalOutbound?: null | typeof gateway): Promise<unknown> | undefined =>
    loader
      .load({ ...code(main), ...(globalOutbound === undefined ? {} : { globalOutbound }) })
      .getEntrypoint()
      ["get"]?.(...(["https://api.example/x"] as never[]))
  assert.deepEqual([await get(gateway), seen], [[203, "from the gateway"], ["POST https://api.example/x b"]])
  await assert.rejects(async () => get(null), { code: "mesh.denied" })
  await assert.rejects(async () => get(), { code: "mesh.denied" })
})

test("the lower limit wins", async () => {
  const stub = loader.get("limits", () =>
    code("export default { spin: () => { for (;;); } }", { limits: { cpuMs: 100 } }),
  )
  const spin = async (cpuMs: number): Promise<unknown> => stub.getEntrypoint(null, { limits: { cpuMs } })["spin"]?.()
  await assert.rejects(spin(50), (error: { details: { value: number } }) => error.details.value === 50)
  await assert.rejects(spin(5_000), (error: { details: { value: number } }) => error.details.value === 100)
})

test("tails are told of each invocation", async () => {
  const events: unknown[] = []
  const tail = {
    tail: (
      items: readonly { outcome: string; logs: { message: readonly string[] }[]; exceptions: { message: string }[] }[],
    ) => events.push(...items),
  }
  const stub = loader.get("tails", () =>
    code("export default { work: (fail) => { console.log('working'); if (fail) throw new Error('oh') } }", {
      tails: [tail],
    }),
  )
  await stub.getEntrypoint()["work"]?.()
  await assert.rejects(async () => stub.getEntrypoint()["work"]?.(...([true] as never[])))
  const short = events.map((event) => {
    const { outcome, logs, exceptions } = event as {
      outcome: string
      logs: { message: string[] }[]
      exceptions: { message: string }[]
    }
    return [outcome, logs.map(({ message }) => message[0]), exceptions.map(({ message }) => message)]
  })
  assert.deepEqual(short, [
    ["ok", ["working"], []],
    ["exception", ["working"], ["oh"]],
  ])
})

test("two loaders never share, whatever the id", async () => {
  const counting = code("let n = 0; export default { next: () => ++n }")
  const [first, second] = ["a", "b"].map((tenant) => new WorkerLoader({ platform, tenant }).get("same", () => counting))
  assert.deepEqual(
    [
      await first?.getEntrypoint()["next"]?.(),
      await first?.getEntrypoint()["next"]?.(),
      await second?.getEntrypoint()["next"]?.(),
    ],
    [1, 2, 1],
  )
})

test("wrong code is input.invalid, naming the field", async () => {
  const wrong: [object, string][] = [
    [{ ...code("export default {}"), nonsense: 1 }, "nonsense"],
    [{ mainModule: "main.js" }, "modules"],
    [{ mainModule: "main.py", modules: { "main.py": "print(1)" } }, 'modules["main.py"]'],
    [{ mainModule: "a.js", modules: { "a.js": { js: "1", text: "2" } } }, 'modules["a.js"]'],
    [{ ...code("export default {}"), env: { big: "x".repeat(1 << 20) } }, "env"],
    [{ ...code("export default {}"), globalOutbound: {} }, "globalOutbound"],
  ]
  for (const [given, path] of wrong) {
    const call = async (): Promise<unknown> =>
      loader
        .load(given as never)
        .getEntrypoint()
        ["x"]?.()
    await assert.rejects(
      call(),
      (error: { code: string; details: { path: string } }) =>
        error.code === "input.invalid" && error.details.path === path,
      path,
    )
  }
})
