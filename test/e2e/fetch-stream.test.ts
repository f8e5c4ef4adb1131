import assert from "node:assert/strict"
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { after, type TestContext, test } from "node:test"
import { createPlatform, DynamicWorker, type Run } from "@mayfly/platform"

const platform = await createPlatform({ hosts: 1, spare: false })
after(() => platform.dispose())

interface Call {
  readonly env?: Readonly<Record<string, unknown>>
  readonly rule?: object
}

/** Runs a body with `input` as the origin, which is allowed. */
async function run(origin: string, script: string, { env = {}, rule = {} }: Call = {}): Promise<Run> {
  const network = { allowedOrigins: [{ origin, ...rule }] }
  await using worker = await DynamicWorker.create({ script, platform, env, network })
  return await worker.execute(origin)
}

function resultOf(run: Run): unknown {
  assert.ok(run.ok, run.ok ? "" : run.error.message)
  return run.result
}

async function serve(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Writes until the other side has enough; resolves when the connection is gone. */
function endless(response: ServerResponse, counts: { bytes: number }): void {
  const chunk = Buffer.alloc(64 << 10)
  const write = (): void => {
    while (!response.destroyed) {
      counts.bytes += chunk.length
      if (!response.write(chunk)) return
    }
  }
  response.on("drain", write)
  write()
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

test("fetch gives server-sent events as they come", async (t) => {
  let events: ServerResponse | undefined
  const origin = await serve(t, (_request, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" })
    response.write("data: 1\n\n")
    events = response
  })
  const env = {
    next: (n: number) => {
      if (n > 3) events?.end()
      else events?.write(`data: ${n}\n\n`)
    },
  }
  const script = `const response = await fetch(input)
    const seen = []
    for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
      seen.push(chunk)
      await env.next(seen.length + 1)
    }
    return seen`
  const ended = await run(origin, script, { env })
  assert.deepEqual(resultOf(ended), ["data: 1\n\n", "data: 2\n\n", "data: 3\n\n"])
  assert.deepEqual(
    [ended.usage.bindingCalls, ended.egress.length, ended.egress[0]?.bytesIn, ended.egress[0]?.reason],
    [3, 1, 27, null],
  )
})

test("fetch reads no more of a body than the program does, and cancelling it closes the connection", async (t) => {
  const counts = { bytes: 0 }
  const closed = Promise.withResolvers<void>()
  const origin = await serve(t, (_request, response) => {
    response.on("close", () => closed.resolve())
    endless(response, counts)
  })
  const script = `const reader = (await fetch(input)).body.getReader()
    const { value } = await reader.read()
    await reader.cancel()
    return value.byteLength > 0`
  const ended = await run(origin, script)
  assert.equal(resultOf(ended), true)
  await closed.promise
  assert.deepEqual([ended.egress.length, ended.egress[0]?.reason, ended.egress[0]?.status], [1, "cancelled", 200])
  // What the operating system buffers on both sides of the connection is a few MiB.
  assert.ok(counts.bytes < 32 << 20, `${counts.bytes} bytes were taken for one read`)
})

test("an answer that nobody reads ends with its run, and its row is complete by then", async (t) => {
  const closed = Promise.withResolvers<void>()
  const origin = await serve(t, (_request, response) => {
    response.on("close", () => closed.resolve())
    endless(response, { bytes: 0 })
  })
  const ended = await run(origin, "return (await fetch(input)).status")
  assert.equal(resultOf(ended), 200)
  assert.deepEqual(
    ended.egress.map(({ status, reason }) => [status, reason]),
    [[200, "aborted"]],
  )
  await closed.promise
})

test("fetch sends a stream while the program writes it", async (t) => {
  const arrived = Promise.withResolvers<void>()
  const origin = await serve(t, (request, response) => {
    request.once("data", () => arrived.resolve())
    void textOf(request).then((text) => response.end(text))
  })
  const env = { arrived: () => arrived.promise }
  const script = `const bytes = (text) => new TextEncoder().encode(text)
    let step = 0
    const body = new ReadableStream({ async pull(c) {
      if (step++ === 0) return c.enqueue(bytes("first "))
      await env.arrived()
      c.enqueue(bytes("second"))
      c.close()
    } })
    return (await fetch(input, { method: "POST", body, duplex: "half" })).text()`
  const ended = await run(origin, script, { env })
  assert.equal(resultOf(ended), "first second")
  assert.equal(ended.egress[0]?.bytesOut, 12)
})

test("fetch rejects with the error of its body's stream, and the server sees a broken request", async (t) => {
  const origin = await serve(t, (request) => request.on("error", () => {}).resume())
  const script = `const why = async (source) => {
      try { await fetch(input, { method: "POST", body: new ReadableStream(source), duplex: "half" }) }
      catch (error) { return error.name + " " + error.message } }
    return [await why({ start(c) { c.error(new RangeError("x")) } }), await why({ start(c) { c.enqueue(1) } }),
      await why({ n: 0, pull(c) { if (this.n++ > 2) c.error(new RangeError("late")); else c.enqueue(new Uint8Array(9)) } })]`
  const ended = await run(origin, script)
  assert.deepEqual(resultOf(ended), [
    "RangeError x",
    "TypeError A chunk of the body is not a Uint8Array",
    "RangeError late",
  ])
  assert.deepEqual(
    ended.egress.map(({ reason }) => reason),
    ["body-failed", "body-failed", "body-failed"],
  )
})

test("a denied request cancels the stream that it would have sent", async (t) => {
  const origin = await serve(t, (_request, response) => response.end())
  const cancelled = Promise.withResolvers<void>()
  const script = `const body = new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(1)) }, cancel: () => env.cancelled() })
    try { await fetch("https://other.example", { method: "POST", body, duplex: "half" }) } catch (error) { return error.code }`
  const ended = await run(origin, script, { env: { cancelled: () => cancelled.resolve() } })
  assert.equal(resultOf(ended), "mesh.denied")
  await cancelled.promise
})

test("aborting a signal ends the body that is being read, here and at the server", async (t) => {
  const closed = Promise.withResolvers<void>()
  const origin = await serve(t, (_request, response) => {
    response.on("close", () => closed.resolve())
    response.write("some")
  })
  const script = `const controller = new AbortController()
    const { body } = await fetch(input, { signal: controller.signal })
    const reader = body.getReader()
    await reader.read()
    const waiting = reader.read()
    controller.abort(new RangeError("enough"))
    try { await waiting } catch (error) { await env.closed(); return error.name + " " + error.message }`
  const ended = await run(origin, script, { env: { closed: () => closed.promise } })
  assert.equal(resultOf(ended), "RangeError enough")
  assert.equal(ended.egress[0]?.reason, "cancelled")
})

test("a body that grows beyond its rule fails while it is read, with a code", async (t) => {
  const origin = await serve(t, (_request, response) => endless(response, { bytes: 0 }))
  const ended = await run(origin, "return (await fetch(input)).text()", { rule: { maxResponseBytes: 300_000 } })
  assert.deepEqual([ended.ok, ended.ok || ended.error.code], [false, "mesh.response-too-large"])
  assert.deepEqual(
    ended.egress.map(({ reason }) => reason),
    ["response-too-large"],
  )
})

test("a stream is not sent a second time after a redirect", async (t) => {
  const origin = await serve(t, (request, response) => {
    void textOf(request).then((text) => {
      const status = Number(request.url?.slice(1))
      if (status > 0) response.writeHead(status, { location: "/0" }).end()
      else response.end(`${request.method} ${text}`)
    })
  })
  const script = `const send = async (status) => {
      const body = new ReadableStream({ start(c) { c.enqueue(new TextEncoder().encode("x")); c.close() } })
      try { return await (await fetch(input + "/" + status, { method: "POST", body, duplex: "half" })).text() }
      catch (error) { return error.code } }
    return [await send(303), await send(307)]`
  assert.deepEqual(resultOf(await run(origin, script)), ["GET ", "mesh.body-used"])
})

test("more answers may be open at once than concurrentRequests, which counts until the head", async (t) => {
  const origin = await serve(t, (_request, response) => void response.write("x".repeat(10)))
  const script = `const all = []
    for (let n = 0; n < 20; n++) all.push(await fetch(input))
    return all.length`
  assert.equal(resultOf(await run(origin, script)), 20)
})

test("an echo of a large body passes through without being held", async (t) => {
  const origin = await serve(t, (request, response) => void request.pipe(response))
  const script = `let left = 64, sent = 0, got = 0
    const body = new ReadableStream({ pull(c) { if (left-- === 0) c.close(); else { sent += 262144; c.enqueue(new Uint8Array(262144)) } } })
    const response = await fetch(input, { method: "POST", body, duplex: "half" })
    for await (const chunk of response.body) got += chunk.byteLength
    return [sent, got]`
  assert.deepEqual(resultOf(await run(origin, script)), [16 << 20, 16 << 20])
})
