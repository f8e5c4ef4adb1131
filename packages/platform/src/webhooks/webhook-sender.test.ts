import assert from "node:assert/strict"
import { once } from "node:events"
import { createServer, type IncomingHttpHeaders, type RequestListener } from "node:http"
import type { AddressInfo } from "node:net"
import { text } from "node:stream/consumers"
import { test, type TestContext } from "node:test"
import { Webhook } from "standardwebhooks"
import { createPlatform, DynamicWorker } from "../index.ts"
import { parseWebhooks, type WebhookFailure } from "./webhook-options.ts"
import { type SenderLimits, type WebhookEvent, WebhookSender } from "./webhook-sender.ts"
import { createWebhookSecret } from "./webhook-secret.ts"

const secret = createWebhookSecret()
const quick: Partial<SenderLimits> = { retryMs: [1, 1, 1], drainMs: 100 }

interface Received {
  readonly id: string
  readonly event: { readonly type: string; readonly time: string; readonly data: unknown }
}

/** A receiver that believes only what is signed. `respond` answers; the default says 204. */
async function receiver(t: TestContext, respond: (nth: number) => number | Promise<number> = () => 204) {
  const received: Received[] = []
  const waiting: (() => void)[] = []
  const url = await serve(t, async (request, response) => {
    const { id, event } = verified(request.headers, await text(request))
    received.push({ id, event })
    for (const wake of waiting.splice(0)) wake()
    const status = await respond(received.length)
    response.writeHead(status, { location: "/elsewhere" }).end("thank you")
  })
  const arrived = async (count: number): Promise<readonly Received[]> => {
    while (received.length < count) await new Promise<void>((resolve) => waiting.push(resolve))
    return received
  }
  return { url, received, arrived }
}

async function serve(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, "127.0.0.1")
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  await once(server, "listening")
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks?token=t0ken`
}

function verified(headers: IncomingHttpHeaders, body: string): Received {
  const event = new Webhook(secret).verify(body, headers as Record<string, string>) as Received["event"]
  return { id: String(headers["webhook-id"]), event }
}

/** A sender whose first failure can be waited for. */
function sender(t: TestContext, url: string, limits: Partial<SenderLimits> = {}) {
  const failures: WebhookFailure[] = []
  const { promise: failed, resolve } = Promise.withResolvers<void>()
  const onFailure = (failure: WebhookFailure): void => {
    failures.push(failure)
    resolve()
  }
  const [webhook] = parseWebhooks([{ url, secret, onFailure }])
  assert.ok(webhook)
  const made = new WebhookSender(webhook, { ...quick, ...limits })
  t.after(() => made.close())
  return { sender: made, failures, failed }
}

function event(tenant = "default", note = "héllo ☃"): WebhookEvent {
  return { type: "secret.alert", data: { tenant, note } as WebhookEvent["data"] }
}

test("an event arrives once, signed as Standard Webhooks says", async (t) => {
  const { url, arrived, received } = await receiver(t)
  const { sender: hooks } = sender(t, url)
  hooks.send(event())
  const [first] = await arrived(1)
  await hooks.close()
  assert.ok(first)
  const { time, ...rest } = first.event
  assert.deepEqual(rest, { type: "secret.alert", data: { tenant: "default", note: "héllo ☃" } })
  assert.equal(new Date(time).toISOString(), time)
  assert.equal(received.length, 1)
})

test("a receiver that fails first gets the same event again, under the same id", async (t) => {
  const { url, arrived } = await receiver(t, (nth) => (nth < 3 ? 500 : 200))
  const { sender: hooks, failures } = sender(t, url)
  hooks.send(event())
  const all = await arrived(3)
  await hooks.close()
  assert.equal(new Set(all.map(({ id }) => id)).size, 1)
  assert.deepEqual([all.length, failures], [3, []])
})

test("redirects are failures, and lead nowhere", async (t) => {
  const { url, received } = await receiver(t, () => 307)
  const { sender: hooks, failures, failed } = sender(t, url)
  hooks.send(event())
  await failed
  assert.equal(received.length, 4)
  assert.deepEqual(failures, [{ origin: new URL(url).origin, reason: "it answers 307" }])
})

test("a receiver that never answers is given up in time, and said to be lost once", async (t) => {
  const url = await serve(t, () => {})
  const { sender: hooks, failures, failed } = sender(t, url, { retryMs: [], timeoutMs: 20 })
  hooks.send(event())
  hooks.send(event())
  await failed
  await hooks.close()
  assert.deepEqual(failures, [{ origin: new URL(url).origin, reason: "it does not answer in time" }])
})

test("a receiver that is down holds a bounded number of events, and one tenant's flood leaves room for another", async (t) => {
  const url = await serve(t, () => {})
  const limits = { maxEvents: 5, maxEventsOfTenant: 3, concurrency: 1 }
  const { sender: hooks, failures } = sender(t, url, limits)
  for (let n = 0; n < 100; n++) hooks.send(event("flood"))
  assert.deepEqual(
    failures.map(({ reason }) => reason),
    [`3 events of tenant "flood" wait for it`],
  )
  const { url: alive, arrived } = await receiver(t)
  const { sender: other } = sender(t, alive, limits)
  for (let n = 0; n < 100; n++) other.send(event("flood", String(n)))
  other.send(event("quiet"))
  const all = await arrived(4)
  assert.deepEqual(
    all.map(({ event: { data } }) => (data as { tenant: string }).tenant),
    ["flood", "flood", "flood", "quiet"],
  )
})

test("no more tries at once than allowed, and an answer without an end holds one only so long", async (t) => {
  let open = 0
  let most = 0
  const url = await serve(t, (_request, response) => {
    open++
    most = Math.max(most, open)
    response.once("close", () => open--)
    response.writeHead(200).write("x")
  })
  const { sender: hooks, failures } = sender(t, url, { concurrency: 2, timeoutMs: 400, drainMs: 10_000 })
  for (let n = 0; n < 4; n++) hooks.send(event())
  await hooks.close()
  assert.deepEqual([most, failures], [2, []])
})

test("a connection that is refused is tried again, and close drops what waits", async (t) => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  const { sender: hooks, failures, failed } = sender(t, `http://127.0.0.1:${port}/`)
  hooks.send(event())
  await failed
  assert.deepEqual(failures, [{ origin: `http://127.0.0.1:${port}`, reason: "it can't be reached (ECONNREFUSED)" }])
  await hooks.close()
  hooks.send(event())
  await hooks.close()
})

test("parseWebhooks refuses what can't work, naming it and never the secret", () => {
  const url = "https://hooks.example/"
  const wrong: readonly [unknown, string][] = [
    [{}, "webhooks"],
    [Array.from({ length: 17 }, () => ({ url, secret })), "webhooks"],
    [[null], "webhooks[0]"],
    [[{ url: "ftp://hooks.example/", secret }], "webhooks[0].url"],
    [[{ url: "hooks.example", secret }], "webhooks[0].url"],
    [[{ url, secret: "whsec_c2hvcnQ=" }], "webhooks[0].secret"],
    [[{ url, secret: secret.slice(6) }], "webhooks[0].secret"],
    [[{ url, secret: `${secret}!` }], "webhooks[0].secret"],
    [[{ url, secret, retries: 3 }], "webhooks[0].retries"],
    [[{ url, secret, onFailure: 1 }], "webhooks[0].onFailure"],
  ]
  for (const [given, path] of wrong) {
    assert.throws(
      () => parseWebhooks(given),
      (error: { code: string; message: string; details: unknown }) => {
        assert.ok(!error.message.includes(secret.slice(10)))
        assert.deepEqual([error.code, error.details], ["input.invalid", { path }])
        return true
      },
    )
  }
})

test("a platform tells its webhooks of questions, which somebody can be asked then, decisions and alerts", async (t) => {
  const { url, arrived } = await receiver(t)
  const echo = new URL(await serve(t, (request, response) => response.end(request.headers.authorization))).origin
  const options = { hosts: 1, spare: false, webhooks: [{ url, secret }], secrets: { KEY: "sk-live-0123456789" } }
  await using platform = await createPlatform(options)
  const asking = await DynamicWorker.create({
    script: `return (await fetch("${echo}/x")).status`,
    platform,
    network: { defaultPolicy: "ask" },
  })
  const running = asking.run()
  const [asked] = await arrived(1)
  assert.ok(asked)
  const { id } = asked.event.data as { id: string }
  await platform.approvals.decide(id, { decision: "allow" })
  assert.equal(await running, 200)
  const leaking = await DynamicWorker.create({
    script: `return (await fetch("${echo}/x")).text()`,
    platform,
    network: { allowedOrigins: [{ origin: echo, headers: { authorization: { secret: "KEY" } } }] },
  })
  await leaking.run()
  const events = (await arrived(3)).map(({ event: { type, data } }) => ({
    type,
    data: data as Record<string, unknown>,
  }))
  assert.deepEqual(
    events.map(({ type, data }) => [
      type,
      data["tenant"],
      data["origin"] ?? data["where"],
      data["status"] ?? data["secret"],
    ]),
    [
      ["approval.asked", "default", echo, "pending"],
      ["approval.decided", "default", echo, "allowed"],
      ["secret.alert", "default", echo, "KEY"],
    ],
  )
})
