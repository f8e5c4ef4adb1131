import assert from "node:assert/strict"
import { once } from "node:events"
import { request as httpRequest } from "node:http"
import { connect } from "node:net"
import { after, test } from "node:test"
import { createPlatform } from "@mayfly/platform"
import { MayflyError } from "@mayfly/protocol"
import { createKey, hashKey } from "./auth/api-key.ts"
import { listen } from "./listen.ts"
import { startServer } from "./start-server.ts"

const platform = await createPlatform({ hosts: 1, spare: false })
type Pool = typeof platform.runtime.pool
let watch: (run: ReturnType<Pool["run"]>) => void = () => {}
const pool: Pool = {
  run(...args) {
    const run = platform.runtime.pool.run(...args)
    watch(run)
    return run
  },
  hold: () => platform.runtime.pool.hold(),
  stats: () => platform.runtime.pool.stats(),
  dispose: () => platform.runtime.pool.dispose(),
}
const key = createKey()
const options = { platform: { ...platform, runtime: { ...platform.runtime, pool } }, keyHashes: [hashKey(key)] }
const listener = await listen({ port: 0, host: "127.0.0.1", headersTimeoutMs: 300 })
const { url, port, stop } = startServer(listener, options)
after(async () => {
  await stop()
  await platform.dispose()
})

const headers = { authorization: `Bearer ${key}` }
function get(path: string, given: Record<string, string>): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ port, path, headers: given }, (response) => {
      let text = ""
      response.on("data", (chunk) => (text += String(chunk)))
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text }))
    })
    request.on("error", reject)
    request.end()
  })
}

test("listen answers on a real socket", async () => {
  const response = await fetch(`${url}/v1/run`, { method: "POST", headers, body: JSON.stringify({ script: "6 * 7" }) })
  assert.equal(((await response.json()) as { result: number }).result, 42)
})

test("a foreign Host or Origin is refused, also on open routes", async () => {
  for (const given of [{ host: "evil.example" }, { host: `localhost:${port}`, origin: "http://evil.example" }]) {
    const { status, text } = await get("/healthz", given)
    assert.equal(status, 403)
    assert.equal((JSON.parse(text) as { error: { code: string } }).error.code, "auth.host")
  }
  assert.equal((await get("/healthz", { host: `localhost:${port}`, origin: `http://localhost:${port}` })).status, 200)
})

test("a malformed Host is answered in the error shape", async () => {
  const { status, text } = await get("/healthz", { host: "a b" })
  assert.equal(status, 400)
  assert.equal((JSON.parse(text) as { error: { code: string } }).error.code, "input.invalid")
})

test("listen rejects with platform.port-in-use", async () => {
  await assert.rejects(
    () => listen({ port, host: "127.0.0.1" }),
    (error) => error instanceof MayflyError && error.code === "platform.port-in-use" && error.details["port"] === port,
  )
})

test("a client that sends its headers too slowly is cut off", async () => {
  const socket = connect(port, "127.0.0.1")
  socket.on("error", () => {})
  socket.write("GET /healthz HTTP/1.1\r\nHost: loc")
  socket.resume()
  await once(socket, "close")
})

test("a client that goes away cancels its run", async () => {
  const body = JSON.stringify({
    script: "console.log('started'); await new Promise((resolve) => setTimeout(resolve, 60_000))",
  })
  for (const accept of ["text/event-stream", "application/json"]) {
    const outcome = nextOutcome()
    const abort = new AbortController()
    const call = { method: "POST", headers: { ...headers, accept }, body, signal: abort.signal }
    const response = fetch(`${url}/v1/run`, call)
    const gone = assert.rejects(async () => (await response).text(), { name: "AbortError" })
    await outcome.started
    abort.abort()
    assert.equal(await outcome.kind, "aborted")
    await gone
  }
})

interface Outcome {
  readonly started: Promise<void>
  readonly kind: Promise<string>
}

/** How the next run on the platform begins and ends. */
function nextOutcome(): Outcome {
  const started = Promise.withResolvers<void>()
  const kind = Promise.withResolvers<string>()
  watch = (run) => {
    started.resolve()
    void run.then((outcome) => kind.resolve(outcome.kind), kind.reject)
  }
  return { started: started.promise, kind: kind.promise }
}
