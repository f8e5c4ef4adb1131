import assert from "node:assert/strict"
import { once } from "node:events"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { createServer, type IncomingMessage, request as httpRequest } from "node:http"
import { type AddressInfo, createServer as createNetServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, test } from "node:test"
import { gzipSync } from "node:zlib"
import { type MayflyProcess, mayfly, startMayfly } from "./mayfly-process.ts"

const folder = mkdtempSync(join(tmpdir(), "mayfly-serve-"))
after(() => rmSync(folder, { recursive: true }))

let count = 0

interface Served extends MayflyProcess {
  readonly url: string
  readonly folder: string
}

/** A folder with these files. */
function project(files: Readonly<Record<string, string>>): string {
  const path = join(folder, String(++count))
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(path, name, ".."), { recursive: true })
    writeFileSync(join(path, name), text)
  }
  return path
}

/** Serves `worker.ts` of these files with the real command. */
async function serve(files: Readonly<Record<string, string>>, options: readonly string[] = []): Promise<Served> {
  const path = project(files)
  const args = ["serve", "worker.ts", "--port", "0", "--worker-port", "0", ...options]
  const started = startMayfly(args, { cwd: path })
  const [, url = ""] = await started.output(/^worker is serving at (\S+)$/m)
  return { ...started, url, folder: path }
}

async function stop({ child, finished }: MayflyProcess, signal: NodeJS.Signals = "SIGTERM"): Promise<number | null> {
  child.kill(signal)
  return (await finished).code
}

const get = async (url: string): Promise<unknown> => (await fetch(url)).json()

test("loopback stubs work in a guest's env, as globalOutbound and as tails; their props are out of its reach", async () => {
  const served = await serve(
    {
      "worker.ts": `
      import { WorkerEntrypoint } from "cloudflare:workers"

      export class ChatRoom extends WorkerEntrypoint<unknown, { room: string }> {
        secret = "a field"
        async post(text: string) { return (this.ctx.props.room ?? "nowhere") + ": " + text }
        async self() { return this.ctx.exports.ChatRoom }
        async room(name: string) { return this.ctx.exports.ChatRoom({ props: { room: name } }) }
      }
      export class Gateway extends WorkerEntrypoint<{ TOKEN: string }, { tenant: string }> {
        async fetch(request: Request) {
          return Response.json([request.method, request.url, await request.text(), this.ctx.props.tenant, this.env.TOKEN])
        }
      }
      export class Tail extends WorkerEntrypoint<unknown, { id: string }> {
        tail(events: { logs: { message: string[] }[]; outcome: string }[]) {
          for (const { logs, outcome } of events) console.log("tail", this.ctx.props.id, outcome, logs[0].message[0])
        }
      }
      const guest = \`
        const attempt = async (call) => { try { return await call() } catch (error) { return error.message } }
        export default { async fetch(request, env) {
          console.log("in the guest")
          const { CHAT, PLAIN } = env
          return Response.json({
            post: await CHAT.post("hi"),
            plain: await PLAIN.post("hi"),
            other: await (await CHAT.room("#other")).post("hi"),
            forged: await attempt(() => PLAIN({ props: { room: "#admin" } })),
            forgedAgain: await attempt(async () => (await CHAT.self())({ props: { room: "#admin" } })),
            selfPost: await (await CHAT.self()).post("hi"),
            hidden: await Promise.all(["ctx", "env", "props", "secret", "fetch"].map((name) => attempt(() => CHAT[name]()))),
            out: await (await fetch("https://api.example/x", { method: "POST", body: "b" })).json(),
          })
        } }\`
      export default {
        async fetch(request: Request, env: any, ctx: any) {
          const worker = env.LOADER.get("guest", async () => ({
            compatibilityDate: "2026-01-01", mainModule: "main.js", modules: { "main.js": guest },
            env: { CHAT: ctx.exports.ChatRoom({ props: { room: "#bot-chat" } }), PLAIN: ctx.exports.ChatRoom },
            globalOutbound: ctx.exports.Gateway({ props: { tenant: "t1" } }),
            tails: [ctx.exports.Tail({ props: { id: "guest" } })],
          }))
          return worker.getEntrypoint().fetch(request)
        },
      }`,
    },
    ["--env", "TOKEN=only-here"],
  )
  const { forged, forgedAgain, hidden, ...rest } = (await get(served.url)) as Record<string, unknown>
  assert.deepEqual(rest, {
    post: "#bot-chat: hi",
    plain: "nowhere: hi",
    other: "#other: hi",
    selfPost: "nowhere: hi",
    out: ["POST", "https://api.example/x", "b", "t1", "only-here"],
  })
  assert.match(String(forged), /not a function/)
  assert.match(String(forgedAgain), /not a function/)
  for (const answer of hidden as unknown[]) assert.match(String(answer), /not a function|there is no method/)
  await served.output(/^tail guest ok in the guest$/m)
  assert.equal(await stop(served), 0)
})

test("globals, modules, files and classes are what wrangler's users expect", async () => {
  const served = await serve(
    {
      "package.json": "{}",
      ".dev.vars": "FROM_FILE=file\nBOTH=file\n",
      "lib/index.ts": "export const lib: string = 'lib'\nexport interface Shape { x: number }\n",
      "part.ts": "export const part = 'part'\n",
      "plain.js": "export const plain = 'plain'\n",
      "words.txt": "some words",
      "data.json": '{"n":1}',
      "bytes.bin": "abc",
      // The smallest WebAssembly module: magic number and version.
      "module.wasm": "\0asm\u0001\0\0\0",
      "node_modules/dep/package.json": '{"name":"dep","version":"1.0.0","exports":"./index.ts"}',
      "node_modules/dep/index.ts":
        "import { RpcTarget } from 'cloudflare:workers'\nexport class Base extends RpcTarget { constructor(readonly x: number) { super() } }\n",
      "worker.ts": `
        import { WorkerEntrypoint, RpcTarget, env as globalEnv, exports as globalExports, waitUntil, withEnv } from "cloudflare:workers"
        import { NonRetryableError } from "cloudflare:workflows"
        import { createDynamicWorkflowEntrypoint, wrapWorkflowBinding } from "@cloudflare/dynamic-workflows"
        import { DynamicWorker as Imported, MayflyError } from "mayfly"
        import { Base } from "dep"
        import { lib, Shape } from "./lib"
        import { part } from "./part.js"
        import { plain } from "./plain"
        import words from "./words.txt"
        import data from "./data.json"
        import bytes from "./bytes.bin"
        import wasm from "./module.wasm"
        enum Color { Red = "red" }
        class Point { constructor(private x: number) {} get value() { return this.x } }
        const atStart = globalEnv.BOTH
        export class Greeter extends WorkerEntrypoint { greet(name: string) { return "hello " + name } }
        export const handler = { fetch: (request: Request, env: any) => new Response("handler " + env.BOTH) }
        export default class extends WorkerEntrypoint<any> {
          async fetch(request: Request) {
            waitUntil(Promise.resolve())
            const shape: Shape = { x: 1 }
            return Response.json({
              files: [lib, part, plain, words, data.n, bytes.byteLength, wasm instanceof WebAssembly.Module, Color.Red, new Point(3).value, new Base(4).x, shape.x],
              env: [this.env.FROM_FILE, this.env.BOTH, atStart, globalEnv.BOTH, withEnv({ BOTH: "with" }, () => globalEnv.BOTH)],
              same: [Imported === DynamicWorker, new Base(1) instanceof RpcTarget, new NonRetryableError("x").name],
              kinds: [typeof WorkerLoader, typeof wrapWorkflowBinding, typeof createDynamicWorkflowEntrypoint, typeof MayflyError],
              greet: [await globalExports.Greeter.greet("you"), await (await this.ctx.exports.handler.fetch("http://x/")).text()],
              request: [request.redirect, request.headers.get("cf-connecting-ip"), new Request(request, { headers: { a: "b" } }).headers.get("a")],
              props: this.ctx.props,
            })
          }
        }`,
    },
    ["--env", "BOTH=flag"],
  )
  const response = await fetch(served.url, { headers: { "cf-connecting-ip": "9.9.9.9" } })
  assert.deepEqual(await response.json(), {
    files: ["lib", "part", "plain", "some words", 1, 3, true, "red", 3, 4, 1],
    env: ["file", "flag", "flag", "flag", "with"],
    same: [true, true, "NonRetryableError"],
    kinds: ["function", "function", "function", "function"],
    greet: ["hello you", "handler flag"],
    request: ["manual", "127.0.0.1", "b"],
    props: {},
  })
  assert.equal(await stop(served), 0)
  assert.equal((await served.finished).stderr.includes("Warning"), false)
})

const routes = `
  const sockets = new Map()
  export default {
    async fetch(request: Request, env: any, ctx: any) {
      const { pathname } = new URL(request.url)
      if (pathname === "/echo") return new Response(request.body)
      if (pathname === "/length") return new Response(String((await request.arrayBuffer()).byteLength))
      if (pathname === "/late") return new Response(new ReadableStream({
        async pull(controller) { await request.signal.aborted; await new Promise(() => {}) },
        cancel() { console.log("cancelled") },
      }))
      if (pathname === "/wait") {
        console.log("waiting")
        await new Promise((resolve) => request.signal.addEventListener("abort", resolve))
        console.log("signal", request.signal.reason.name)
        return new Response("late")
      }
      if (pathname === "/throw") throw new RangeError("thrown \\u001b[2Jhere", { cause: new Error("the cause") })
      if (pathname === "/nothing") return
      if (pathname === "/half") return new Response(new ReadableStream({
        start(controller) { controller.enqueue(new TextEncoder().encode("half")) },
        pull() { throw new Error("no second half") },
      }))
      if (pathname === "/stray") { void Promise.reject(new Error("stray promise")); setTimeout(() => { throw new Error("stray timer") }, 1) }
      if (pathname === "/later") { ctx.passThroughOnException(); ctx.waitUntil(Promise.reject(new Error("later"))) }
      if (pathname === "/cookies") return new Response(null, { status: 204, headers: [["set-cookie", "a=1"], ["set-cookie", "b=2"]] })
      if (pathname === "/proxy") return fetch(request.headers.get("x-target") ?? "")
      if (pathname === "/slow") {
        console.log("slow begun")
        await new Promise((resolve) => setTimeout(resolve, 300))
        ctx.waitUntil(new Promise((resolve) => setTimeout(resolve, 300)).then(() => console.log("slow over")))
        return new Response("slow")
      }
      if (pathname === "/endless") { console.log("endless begun"); await new Promise(() => {}) }
      return new Response("ok")
    },
  }`

test("bodies stream both ways at once", async () => {
  const served = await serve({ "worker.ts": routes })
  const client = httpRequest(`${served.url}/echo`, { method: "POST" })
  client.write("first")
  const [response] = (await once(client, "response")) as [IncomingMessage]
  const texts: string[] = []
  for await (const chunk of response) {
    texts.push(String(chunk))
    if (texts.length === 1) client.end("second")
  }
  assert.deepEqual(texts, ["first", "second"])
  const large = new Uint8Array(20 << 20)
  assert.equal(await (await fetch(`${served.url}/length`, { method: "POST", body: large })).text(), String(20 << 20))
  assert.equal((await (await fetch(`${served.url}/echo`, { method: "POST", body: large })).bytes()).length, 20 << 20)
  await stop(served)
})

test("a client that goes away fires request.signal and cancels the response's body", async () => {
  const served = await serve({ "worker.ts": routes })
  const gone = new AbortController()
  const asked = assert.rejects(fetch(`${served.url}/wait`, { signal: gone.signal }), { name: "AbortError" })
  await served.output(/waiting/)
  gone.abort()
  await asked
  await served.output(/signal AbortError/)
  const reading = new AbortController()
  await fetch(`${served.url}/late`, { signal: reading.signal })
  reading.abort()
  await served.output(/cancelled/)
  await stop(served)
  assert.equal((await served.finished).stderr.includes("worker failed"), false)
})

test("what the worker throws is a 500 with a request id, and its stack is on stderr", async () => {
  const served = await serve({ "worker.ts": routes })
  const response = await fetch(`${served.url}/throw`)
  const { error } = (await response.json()) as { error: { code: string; requestId: string; message: string } }
  assert.deepEqual(
    [response.status, error.code, error.message],
    [500, "server.worker-failed", "the worker failed at this request"],
  )
  assert.equal(response.headers.get("x-request-id"), error.requestId)
  const [text] = await served.output(
    new RegExp(`GET /throw \\(${error.requestId}\\)\\nRangeError: thrown [^]*cause[^]*the cause`),
  )
  assert.match(text, /at Object\.fetch \(.*worker\.ts:18:40\)/)
  assert.equal(text.includes("\u001b"), false)

  assert.equal((await fetch(`${served.url}/nothing`)).status, 500)
  await served.output(/fetch of the worker gave undefined, not a Response/)
  await assert.rejects(fetch(`${served.url}/half`).then((half) => half.text()))
  await served.output(/no second half/)
  assert.equal(await (await fetch(`${served.url}/stray`)).text(), "ok")
  await served.output(/outside of any request[^]*stray promise/)
  await served.output(/stray timer/)
  assert.equal(await (await fetch(`${served.url}/later`)).text(), "ok")
  await served.output(/waitUntil\nError: later/)
  assert.equal(await stop(served), 0)
})

test("answers are the worker's own: cookies, no body, decoded responses passed on", async () => {
  const served = await serve({ "worker.ts": routes })
  const origin = createServer((_, response) =>
    response.writeHead(200, { "content-encoding": "gzip", "x-a": "b" }).end(gzipSync("plain")),
  )
  await once(origin.listen(0, "127.0.0.1"), "listening")
  const target = `http://127.0.0.1:${(origin.address() as AddressInfo).port}/`
  const passed = await fetch(`${served.url}/proxy`, { headers: { "x-target": target } })
  assert.deepEqual(
    [await passed.text(), passed.headers.get("content-encoding"), passed.headers.get("x-a")],
    ["plain", null, "b"],
  )
  origin.close()
  const cookies = await fetch(`${served.url}/cookies`)
  assert.deepEqual([cookies.status, cookies.headers.getSetCookie()], [204, ["a=1", "b=2"]])
  assert.deepEqual([(await fetch(served.url, { method: "HEAD" })).status], [200])
  await stop(served)
})

test("requests that no worker should see are refused", async () => {
  const served = await serve({ "worker.ts": routes }, ["--allow-host", "app.example"])
  const status = async (options: {
    headers?: Record<string, string>
    method?: string
    path?: string
  }): Promise<unknown> => {
    const client = httpRequest(served.url, options)
    client.on("error", () => {})
    client.flushHeaders()
    const [response] = (await once(client, "response")) as [IncomingMessage]
    client.destroy()
    return response.statusCode
  }
  assert.equal(await status({ headers: { host: "evil.example" } }), 403)
  assert.equal(await status({ headers: { host: "app.example" } }), 200)
  assert.equal(await status({ headers: { host: "tenant.localhost:8788" } }), 200)
  assert.equal(await status({ path: "http://other.example/" }), 400)
  assert.equal(await status({ method: "TRACE" }), 400)
  assert.equal(
    await status({ method: "POST", path: "/length", headers: { "content-length": String((100 << 20) + 1) } }),
    413,
  )
  await stop(served)
})

test("Ctrl-C lets requests and waitUntil finish, and ends what does not", async () => {
  const served = await serve({ "worker.ts": routes })
  const slow = fetch(`${served.url}/slow`)
  await served.output(/slow begun/)
  served.child.kill("SIGINT")
  assert.equal(await (await slow).text(), "slow")
  assert.equal((await served.finished).code, 0)
  assert.match((await served.finished).stdout, /slow over/)

  const endless = await serve({ "worker.ts": routes })
  const asked = fetch(`${endless.url}/endless`).catch((error: unknown) => error)
  await endless.output(/endless begun/)
  const started = performance.now()
  assert.equal(await stop(endless, "SIGINT"), 0)
  assert.ok(performance.now() - started < 5_000)
  assert.ok((await asked) instanceof Error)
})

test("Ctrl-C ends a worker that is still being loaded", async () => {
  const worker = "console.log('loading')\nawait new Promise(() => {})\nexport default { fetch() {} }\n"
  for (const watch of [[], ["--watch"]]) {
    const args = ["serve", "worker.ts", "--port", "0", "--worker-port", "0", ...watch]
    const started = startMayfly(args, { cwd: project({ "worker.ts": worker }) })
    await started.output(/^loading$/m)
    assert.equal(await stop(started, "SIGINT"), 0)
  }
})

test("killed with -9, it starts again on the same port and data", async () => {
  const first = await serve({ "worker.ts": routes })
  const { port } = new URL(first.url)
  await stop(first, "SIGKILL")
  const again = startMayfly(["serve", "worker.ts", "--port", "0", "--worker-port", port], { cwd: first.folder })
  await again.output(/worker is serving at/)
  assert.equal(await (await fetch(first.url)).text(), "ok")
  assert.equal(await stop(again), 0)
})

test("what can't be served is one coded error", async (t) => {
  const taken = createNetServer()
  t.after(() => taken.close())
  await once(taken.listen(0, "127.0.0.1"), "listening")
  const { port } = taken.address() as AddressInfo
  const path = project({
    "good.ts": routes,
    "none.ts": "export const x = 1\n",
    "wrong.ts": "export default { run() {} }\n",
    "typescript.ts": "const ä = 1\nexport default { fetch(: number) {} }\n",
    "script.js": "export default {\n  fetch() { return new Response( }\n}\n",
    "missing.ts": "import x from './absent'\nexport default { fetch: () => x }\n",
    "throws.ts": "const early = () => { throw new Error('at start') }\nearly()\nexport default { fetch() {} }\n",
  })
  const tries: [args: string[], code: number, stderr: RegExp][] = [
    [["good.ts", "--worker-port", String(port)], 1, /platform\.port-in-use: .*another --worker-port/],
    [["good.ts", "--worker-port", "x"], 2, /input\.invalid: --worker-port/],
    [["absent.ts"], 2, /input\.invalid: WORKER "absent\.ts" can't be served: there is no such file/],
    [["."], 2, /input\.invalid: WORKER "\." can't be served: it is not a file/],
    [["good.ts", "--env", "a-b=1"], 2, /input\.invalid: --env/],
    [["good.ts", "--env", "NOT_SET_ANYWHERE"], 2, /input\.invalid: --env NOT_SET_ANYWHERE has no value/],
    // Node itself reads an --env-file, before us.
    [["good.ts", "--env-file", "absent"], 9, /absent: not found/],
    [["none.ts"], 1, /worker\.no-entrypoint: the worker has no default export/],
    [["wrong.ts"], 1, /worker\.no-entrypoint: the worker's default export has no fetch method/],
    [
      ["typescript.ts"],
      1,
      /worker\.syntax: typescript\.ts:2:24 .*\n2 \| export default \{ fetch\(: number\) \{\} \}\n {27}\^/,
    ],
    [
      ["script.js"],
      1,
      /worker\.syntax: script\.js:2:\d+ Unexpected token\..*\n2 \|   fetch\(\) \{ return new Response\( \}\n/,
    ],
    [["missing.ts"], 1, /worker\.module-not-found: .*absent/],
    [
      ["throws.ts"],
      1,
      /server\.worker-failed: the worker failed while it was loaded: at start[^]*early \(.*throws\.ts:1:29\)/,
    ],
  ]
  for (const [args, code, stderr] of tries) {
    const run = await mayfly(
      ["serve", ...args, "--port", "0", ...(args.includes("--worker-port") ? [] : ["--worker-port", "0"])],
      { cwd: path },
    )
    assert.match(run.stderr, stderr)
    assert.equal(run.code, code, args.join(" "))
    assert.equal(run.stderr.includes("?mayfly="), false)
  }
})

test("--watch loads the worker again; a mistake leaves the version before", async () => {
  const worker = (text: string): string =>
    `import { part } from "./part"\nexport default { async fetch(request: Request, env: any) { return new Response(${text}) } }\n`
  const served = await serve(
    { "worker.ts": worker("part + env.V"), "part.ts": "export const part = 'one'\n", ".dev.vars": "V=1\n" },
    ["--watch"],
  )
  const answer = async (): Promise<string> => (await fetch(served.url)).text()
  const write = async (name: string, text: string, printed: RegExp): Promise<void> => {
    writeFileSync(join(served.folder, name), text)
    await served.output(printed)
  }
  const versions = (n: number): RegExp => new RegExp(`(?:worker is serving at[^]*){${n}}`)
  assert.equal(await answer(), "one1")
  await write("part.ts", "export const part: string = 'two'\n", versions(2))
  assert.equal(await answer(), "two1")
  await write("worker.ts", "export default {", /worker\.syntax/)
  assert.equal(await answer(), "two1")
  await write("worker.ts", worker("part + 3 + env.V"), versions(3))
  assert.equal(await answer(), "two31")
  await write(".dev.vars", "V=2\n", versions(4))
  assert.equal(await answer(), "two32")
  await write(
    "part.ts",
    "export const party = 1\n",
    /worker\.syntax: worker\.ts:1:10 .* does not provide an export named 'part'/,
  )
  assert.equal(await answer(), "two32")
  await write("part.ts", "throw new Error('bad part')\nexport const part = 1\n", /failed while it was loaded: bad part/)
  assert.equal(await answer(), "two32")
  assert.equal(await stop(served), 0)

  const broken = startMayfly(["serve", "worker.ts", "--port", "0", "--worker-port", "0", "--watch"], {
    cwd: project({ "worker.ts": "export default {" }),
  })
  await broken.output(/worker\.syntax/)
  assert.equal(await stop(broken, "SIGINT"), 0)
})
