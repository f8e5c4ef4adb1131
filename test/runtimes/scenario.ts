import { connect, DynamicWorker, DynamicWorkflow, MayflyError, Sandbox } from "@mayfly/client"

/** What every runtime must find. */
export const expected = {
  run: 9,
  values: ["-0", "18446744073709551616", "1970-01-01T00:00:00.000Z", "a:1", "0,255", "undefined"],
  bindings: [42, 5, 20, 30, "TypeError: not this time", "from the client", "from the program"],
  stream: ["log made 0", "value 0", "log made 1", "value 1", "result end"],
  fetch: [201, "POST", "hello"],
  aborted: ["worker.aborted", "worker.aborted"],
  errors: [
    "worker.guest RangeError no",
    "worker.syntax",
    "input.invalid timeout",
    "auth.invalid",
    "client.unreachable",
  ],
  http: "2n",
  workflow: ["20", "complete", "instance,step"],
  sandbox: ["out\n", 3, "stdout:one\n", "hällo", "0,255", "sandbox.aborted", "sandbox.file-not-found"],
  terminal: [true, 7],
  disposed: "worker.disposed",
}

export interface Place {
  readonly url: string
  readonly key: string
  /** Whether sandboxes can be made there. */
  readonly hasSandboxes: boolean
}

/** Does all that the client can do with a server, in whatever runtime this is. */
export async function scenario({ url, key, hasSandboxes }: Place): Promise<object> {
  await using platform = connect({ url, key })
  const once = async (options: Omit<Parameters<typeof DynamicWorker.create>[0], "platform">, input?: unknown) => {
    await using worker = await DynamicWorker.create({ ...options, platform })
    return await worker.run(input)
  }
  const found: Record<string, unknown> = {}
  found["run"] = await once(
    {
      script: "async (input, env) => input * (await env.rate('EUR'))",
      env: { rate: async (of: string) => (of === "EUR" ? 0.9 : 1) },
    },
    10,
  )
  found["values"] = await values(once)
  found["bindings"] = await bindings(once)
  await using worker = await DynamicWorker.create({
    script: `export default {
      async run(input, env) { if (input === "wait") { await env.began(); await new Promise((done) => setTimeout(done, 25_000)) } if (input === "throw") throw new RangeError("no") },
      fetch: (request) => new Response(request.body, { status: 201, headers: { "x-method": request.method } }) }`,
    env: { began: () => began.resolve() },
    platform,
  })
  const began = Promise.withResolvers<void>()
  found["stream"] = await streamed(platform)
  const answer = await worker.fetch("https://a.example/echo", { method: "POST", body: "hello" })
  found["fetch"] = [answer.status, answer.headers.get("x-method"), await answer.text()]
  const abort = new AbortController()
  const run = worker.execute("wait", { signal: abort.signal })
  await began.promise
  abort.abort()
  const [during, before] = [await run, await worker.execute("wait", { signal: AbortSignal.abort() })]
  found["aborted"] = [during, before].map((ended) => !ended.ok && ended.error.code)
  const guest = await worker.execute("throw")
  found["errors"] = [
    guest.ok || `${guest.error.code} ${String(guest.error.details["name"])} ${String(guest.error.details["message"])}`,
    await codeOf(once({ script: "const x =" })),
    await codeOf(once({ script: "1", ...({ timeout: 3 } as object) })),
    await codeOf(DynamicWorker.create({ script: "1", platform: connect({ url, key: `mf_${"A".repeat(43)}` }) })),
    await codeOf(connect({ url: "http://127.0.0.1:1", maxRetries: 0 }).run({ script: "1" })),
  ]
  const http = await platform.run({ script: "(input) => input + 1n", input: 1n })
  found["http"] = http.ok ? `${String(http.result)}n` : http.error.code
  found["workflow"] = await workflow(platform)
  found["sandbox"] = hasSandboxes ? await sandbox(platform) : expected.sandbox
  found["terminal"] = hasSandboxes ? await terminal(platform) : expected.terminal
  await worker.dispose()
  found["disposed"] = await codeOf(worker.run())
  return found
}

type Platform = ReturnType<typeof connect>
type Once = (options: Omit<Parameters<typeof DynamicWorker.create>[0], "platform">, input?: unknown) => Promise<unknown>

async function values(once: Once): Promise<unknown> {
  const given = [-0, 2n ** 64n, new Date(0), new Map([["a", 1]]), new Uint8Array([0, 255]), undefined]
  const [zero, big, date, map, bytes, nothing] = (await once({ script: "(input) => input" }, given)) as typeof given
  return [
    Object.is(zero, -0) ? "-0" : zero,
    (big as bigint).toString(),
    (date as Date).toISOString(),
    [...(map as Map<string, number>)].join().replace(",", ":"),
    (bytes as Uint8Array).join(),
    typeof nothing,
  ]
}

async function bindings(once: Once): Promise<unknown> {
  class Counter {
    #count = 0
    add(by: number): number {
      return (this.#count += by)
    }
  }
  const text = (stream: ReadableStream<Uint8Array>): Promise<string> => new Response(stream).text()
  const script = `async (input, env) => [await env.double(21), await env.counter.add(2).then(() => env.counter.add(3)), await env.later(async (x) => x + 1),
    await (await env.maker(5))(6), await env.fail().catch((e) => e.name + ": " + e.message), await new Response(await env.give()).text(),
    await env.read(new Response("from the program").body)]`
  const env = {
    double: (x: number) => x * 2,
    counter: new Counter(),
    later: async (call: (x: number) => Promise<number>) => (await call(1)) * 10,
    maker: (x: number) => (y: number) => x * y,
    fail: () => Promise.reject(new TypeError("not this time")),
    give: () => new Response("from the client").body,
    read: text,
  }
  return once({ script, env })
}

async function streamed(platform: Platform): Promise<unknown> {
  const script = "async function* (n) { for (let i = 0; i < n; i++) { console.log('made', i); yield i } return 'end' }"
  await using worker = await DynamicWorker.create({ script, platform })
  const seen: string[] = []
  for await (const event of worker.stream(2)) {
    if (event.type === "log") seen.push(`log ${event.message}`)
    if (event.type === "value") seen.push(`value ${String(event.value)}`)
    if (event.type === "result") seen.push(`result ${String(event.result)}`)
  }
  return seen
}

async function workflow(platform: Platform): Promise<unknown> {
  const instance = await DynamicWorkflow.create(platform.env.WORKFLOWS, {
    steps: [
      { name: "ask", waitForEvent: "approved" },
      { name: "end", code: "(input) => input.payload * 2n", input: { $from: "ask" } },
    ],
  })
  const types = new Set<string>()
  const followed = (async () => {
    for await (const entry of instance.subscribe()) types.add(entry.type)
  })()
  await instance.sendEvent({ type: "approved", payload: 10n })
  const result = String(await instance.result())
  await followed
  return [result, (await instance.status()).status, [...types].sort().join()]
}

async function sandbox(platform: Platform): Promise<unknown> {
  const box = await Sandbox.create({ platform })
  const { stdout, exitCode } = await box.exec("echo out; exit 3")
  const pieces: string[] = []
  await box.exec("echo one", { onOutput: ({ stream, text }) => pieces.push(`${stream}:${text}`) })
  await box.files.write("t.txt", "hällo")
  await box.files.write("b.bin", new Uint8Array([0, 255]))
  const abort = new AbortController()
  const slow = await codeOf(box.exec("echo began; sleep 60", { signal: abort.signal, onOutput: () => abort.abort() }))
  const found = [
    stdout,
    exitCode,
    pieces.join(),
    await box.files.read("t.txt", { encoding: "utf8" }),
    (await box.files.read("b.bin")).join(),
    slow,
    await codeOf(box.files.read("none")),
  ]
  await box.destroy()
  return found
}

async function terminal(platform: Platform): Promise<unknown> {
  const box = await Sandbox.create({ platform })
  const view = await box.terminal({ cols: 40, rows: 10 })
  view.resize(100, 20)
  view.write("echo seen-$((20 + 1)); exit 7\n")
  const shown = await new Response(view.output()).text()
  const { exitCode } = await view.waitForExit()
  await box.destroy()
  return [shown.includes("seen-21"), exitCode]
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    return `none: ${JSON.stringify(await promise)}`
  } catch (error) {
    if (!(error instanceof MayflyError)) return String(error)
    const { path } = error.details
    return error.code + (typeof path === "string" ? ` ${path}` : "")
  }
}
