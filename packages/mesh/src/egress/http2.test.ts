import assert from "node:assert/strict"
import { once } from "node:events"
import { createSecureServer, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2"
import { test, type TestContext } from "node:test"
import type { EgressContext, EgressResponse } from "@mayfly/protocol"
import { createHttpEgress, type HttpEgress } from "./create-egress.ts"
import { contextOf, get, listening, textOf } from "./egress-harness.ts"
import { certificateFor } from "./test-certificate.ts"

const { key, cert } = certificateFor("h2.example.com")

interface Served {
  readonly origin: string
  readonly egress: HttpEgress
  readonly sessions: ServerHttp2Session[]
}

async function serve2(t: TestContext, onStream: (stream: ServerHttp2Stream, path: string) => void): Promise<Served> {
  const server = createSecureServer({ key, cert })
  const sessions: ServerHttp2Session[] = []
  server.on("session", (session) => sessions.push(session))
  server.on("stream", (stream, headers) => {
    stream.on("error", () => {})
    onStream(stream, headers[":path"] ?? "")
  })
  const origin = `https://h2.example.com:${await listening(t, server)}`
  const egress = createHttpEgress({ http2: true, ca: cert, lookup: () => Promise.resolve(["127.0.0.1"]) })
  t.after(() => egress.close())
  return { origin, egress, sessions }
}

function fetchFrom(
  { origin, egress }: Served,
  path: string,
  given: Partial<EgressContext> = {},
): Promise<EgressResponse> {
  return egress.fetch({ ...get, url: origin + path }, contextOf({ allowedOrigins: [origin] }, given))
}

test("HTTP/2 answers stream, and share a connection only under one policy", async (t) => {
  const served = await serve2(t, (stream, path) => {
    stream.respond({ ":status": 200, "x-path": path })
    stream.end(`body of ${path}`)
  })
  assert.equal(await textOf((await fetchFrom(served, "/first")).body), "body of /first")
  const all = await Promise.all(["/a", "/b", "/c"].map(async (path) => textOf((await fetchFrom(served, path)).body)))
  assert.deepEqual(all, ["body of /a", "body of /b", "body of /c"])
  assert.equal(served.sessions.length, 1)
  assert.equal(await textOf((await fetchFrom(served, "/d", { tenant: "other" })).body), "body of /d")
  assert.equal(served.sessions.length, 2)
})

test("HTTP/2 bodies have back-pressure; one that is given up leaves the others alone, and the connection to nobody", async (t) => {
  let written = 0
  const finishers: (() => void)[] = []
  const served = await serve2(t, (stream, path) => {
    stream.respond({ ":status": 200 })
    if (path === "/slow") {
      stream.write("first ")
      finishers.push(() => stream.end("second"))
    } else {
      const fill = (): void => {
        while (!stream.destroyed && written < 1000) {
          written++
          if (!stream.write(Buffer.alloc(64 << 10))) return void stream.once("drain", fill)
        }
      }
      fill()
    }
  })
  await textOf((await fetchFrom(served, "/endless", { maxResponseBytes: 1 })).body).catch(() => {})
  const slow = await fetchFrom(served, "/slow")
  assert.equal(served.sessions.length, 2)
  const endless = await fetchFrom(served, "/endless", { maxResponseBytes: 1e9 })
  const reader = endless.body?.getReader()
  await reader?.read()
  await reader?.cancel()
  assert.equal(served.sessions.length, 2)
  const next = await fetchFrom(served, "/slow")
  assert.equal(served.sessions.length, 3)
  await next.body?.cancel()
  const closed = once(served.sessions[1] as ServerHttp2Session, "close")
  finishers[0]?.()
  assert.equal(await textOf(slow.body), "first second")
  await closed
  assert.ok(written < 1000, `${written} chunks were taken for two`)
})

test("HTTP/2 answers are bounded and aborted like others", async (t) => {
  const served = await serve2(t, (stream) => {
    stream.respond({ ":status": 200 })
    stream.write(Buffer.alloc(2000))
  })
  const large = await fetchFrom(served, "/", { maxResponseBytes: 1000 })
  await assert.rejects(textOf(large.body), { code: "mesh.response-too-large" })
  const abort = new AbortController()
  const open = await fetchFrom(served, "/", { signal: abort.signal })
  abort.abort("over")
  await assert.rejects(textOf(open.body), (error) => error === "over")
})

test("HTTP/2 requests carry streamed bodies", async (t) => {
  const served = await serve2(t, (stream) => {
    stream.respond({ ":status": 200 })
    stream.pipe(stream)
  })
  let left = 40
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => (left-- > 0 ? controller.enqueue(new Uint8Array(10_000)) : controller.close()),
  })
  const context = contextOf({ allowedOrigins: [served.origin] })
  const response = await served.egress.fetch({ ...get, url: served.origin, method: "POST", body }, context)
  assert.equal((await new Response(response.body).arrayBuffer()).byteLength, 400_000)
  assert.deepEqual(
    context.rows.map(({ bytesIn, bytesOut, status }) => [bytesIn, bytesOut, status]),
    [[400_000, 400_000, 200]],
  )
})
