import assert from "node:assert/strict"
import type { IncomingMessage, ServerResponse } from "node:http"
import { test, type TestContext } from "node:test"
import { WebSocketServer } from "ws"
import type { OriginRule } from "@mayfly/protocol"
import type { SecretAlert } from "../secrets/secret-guard.ts"
import { createHttpEgress } from "./create-egress.ts"
import type { EgressOptions } from "./egress-options.ts"
import { contextOf, get, listening, serve, serveSocket, textOf } from "./egress-harness.ts"
import { createServer } from "node:http"

const value = "s3cret/+value-0123"
const secrets = { resolve: async (_: string, name: string) => (name === "MISSING" ? null : `${value}${name}`) }

interface Seen {
  readonly url: string
  readonly headers: Readonly<Record<string, unknown>>
}

interface Setup {
  readonly rule?: Omit<OriginRule, "origin">
  readonly headers?: readonly (readonly [string, string])[]
  readonly path?: string
  readonly options?: EgressOptions
}

/** One request to a server that answers with `answer`; gives what the server saw and what the guest got. */
async function exchange(
  t: TestContext,
  setup: Setup,
  answer: (response: ServerResponse, request: IncomingMessage) => void,
) {
  const seen: Seen[] = []
  const alerts: SecretAlert[] = []
  const origin = await serve(t, (request, response) => {
    seen.push({ url: request.url ?? "", headers: request.headers })
    answer(response, request)
  })
  const egress = createHttpEgress({ secrets, onAlert: (alert) => alerts.push(alert), ...setup.options })
  t.after(() => egress.close())
  const context = contextOf({ allowedOrigins: [{ origin, ...setup.rule }] })
  const request = { ...get, url: `${origin}${setup.path ?? "/"}`, headers: setup.headers ?? [] }
  const response = await egress.fetch(request, context)
  const body = await textOf(response.body)
  return { seen: seen[0] as Seen, alerts, context, response, body, origin, egress }
}

test("auth.basic is made of a name and a secret, whatever the guest gave", async (t) => {
  const { seen, context } = await exchange(
    t,
    {
      rule: { auth: { basic: { username: "x-access-token", password: { secret: "GIT" } } } },
      headers: [["authorization", "Basic guess"]],
    },
    (response) => response.end(),
  )
  assert.equal(seen.headers["authorization"], `Basic ${Buffer.from(`x-access-token:${value}GIT`).toString("base64")}`)
  assert.deepEqual(context.rows[0]?.secrets, ["GIT"])
})

test("auth.aws signs what the guest's SDK signed with dummy keys", async (t) => {
  const { seen } = await exchange(
    t,
    {
      rule: {
        auth: {
          aws: {
            region: "eu-central-1",
            service: "s3",
            accessKeyId: { secret: "ID" },
            secretAccessKey: { secret: "KEY" },
          },
        },
      },
      headers: [
        ["authorization", "AWS4-HMAC-SHA256 Credential=dummy"],
        ["x-amz-date", "20000101T000000Z"],
      ],
      path: "/bucket/key",
    },
    (response) => response.end(),
  )
  const authorization = String(seen.headers["authorization"])
  assert.match(
    authorization,
    /^AWS4-HMAC-SHA256 Credential=s3cret\/\+value-0123ID\/\d{8}\/eu-central-1\/s3\/aws4_request, /,
  )
  assert.doesNotMatch(JSON.stringify(seen), /dummy|20000101/)
})

test("placeholders become secrets in headers, in basic credentials and in the address, and only for their origin", async (t) => {
  const placeholders = { "sk-placeholder-1": { secret: "KEY" } }
  const headers = [
    ["authorization", "Bearer sk-placeholder-1"],
    ["x-basic", `Basic ${Buffer.from("user:sk-placeholder-1").toString("base64")}`],
    ["x-other", "sk-placeholder"],
  ] as const
  const path = "/bot/sk-placeholder-1/send?key=sk-placeholder-1"
  const swapped = await exchange(t, { rule: { placeholders }, headers, path }, (response) => response.end())
  const encoded = encodeURIComponent(`${value}KEY`)
  assert.equal(swapped.seen.url, `/bot/${encoded}/send?key=${encoded}`)
  assert.equal(swapped.seen.headers["authorization"], `Bearer ${value}KEY`)
  assert.equal(swapped.seen.headers["x-basic"], `Basic ${Buffer.from(`user:${value}KEY`).toString("base64")}`)
  assert.equal(swapped.seen.headers["x-other"], "sk-placeholder")
  assert.equal(swapped.context.rows[0]?.path, "/bot/sk-placeholder-1/send")
  const elsewhere = await exchange(t, { headers, path }, (response) => response.end())
  assert.equal(elsewhere.seen.url, path)
  assert.equal(elsewhere.seen.headers["authorization"], "Bearer sk-placeholder-1")
  assert.deepEqual(elsewhere.context.rows[0]?.secrets, [])
})

test("a placeholder that is not used asks for no secret; a missing secret refuses the request", async (t) => {
  const placeholders = { "sk-placeholder-1": { secret: "MISSING" } }
  const unused = await exchange(t, { rule: { placeholders } }, (response) => response.end("ok"))
  assert.equal(unused.body, "ok")
  await assert.rejects(
    exchange(t, { rule: { placeholders }, headers: [["a", "sk-placeholder-1"]] }, (response) => response.end("ok")),
    { code: "mesh.secret-missing" },
  )
})

const rule = { headers: { authorization: { secret: "KEY" } } }
const secret = `${value}KEY`
const stars = "*".repeat(secret.length)

test("a secret that comes back is taken out of headers, status text and body, and an alert says so once", async (t) => {
  const { response, body, alerts, origin } = await exchange(t, { rule }, (answer, request) => {
    answer.writeHead(200, `OK ${secret}`, {
      "x-echo": String(request.headers.authorization),
      "content-length": secret.length + 5,
    })
    answer.end(`a: ${secret} b`)
  })
  assert.equal(response.statusText, `OK ${stars}`)
  assert.equal(Object.fromEntries(response.headers)["x-echo"], `Bearer ${stars}`)
  assert.equal(body, `a: ${stars} b`)
  assert.deepEqual(alerts, [{ tenant: "t", secret: "KEY", where: origin, runId: "r" }])
})

test("a secret that comes back byte by byte, compressed or in base64 is found", async (t) => {
  const { body } = await exchange(t, { rule }, (answer) => {
    const bytes = Buffer.from(`x ${secret} ${Buffer.from(`:${secret}`).toString("base64")} y`)
    let at = 0
    const next = (): void => void (at < bytes.length ? answer.write(bytes.subarray(at, ++at), next) : answer.end())
    next()
  })
  assert.match(body, /^x \*{21} \S*\*{20,}\S* y$/)
  assert.ok(
    !Buffer.from(body.split(" ")[2] ?? "", "base64")
      .toString()
      .includes("s3cret"),
  )
  const zipped = await exchange(t, { rule }, (answer) => {
    void import("node:zlib").then(({ gzipSync }) => {
      answer.writeHead(200, { "content-encoding": "gzip" })
      answer.end(gzipSync(`x ${secret} y`))
    })
  })
  assert.equal(zipped.body, `x ${stars} y`)
})

test("a secret that one run sent is found in what another run of the tenant gets, from anywhere", async (t) => {
  const { egress } = await exchange(t, { rule }, (answer) => answer.end())
  const other = await serve(t, (_, answer) => answer.end(`stolen ${secret}`))
  const read = async (tenant: string): Promise<string> => {
    const context = { ...contextOf({ allowedOrigins: [other] }), tenant, runId: "r2" }
    return textOf((await egress.fetch({ ...get, url: other }, context)).body)
  }
  assert.equal(await read("t"), `stolen ${stars}`)
  // It was never this tenant's secret, and its text is not looked through.
  assert.equal(await read("u"), `stolen ${secret}`)
  assert.equal(egress.redactor?.("t", { where: "logs", runId: "r" }).text(secret), stars)
  assert.equal(egress.redactor?.("u", { where: "logs", runId: "r" }).text(secret), secret)
})

test("a redirect that carries the secret in its address does not leave with it", async (t) => {
  const urls: string[] = []
  const thief = await serve(t, (request, answer) => {
    urls.push(request.url ?? "")
    answer.end("got it")
  })
  const origin = await serve(t, (_, answer) =>
    answer.writeHead(302, { location: `${thief}/?k=${encodeURIComponent(secret)}` }).end(),
  )
  const egress = createHttpEgress({ secrets })
  t.after(() => egress.close())
  const context = contextOf({ allowedOrigins: [{ origin, ...rule }, thief] })
  await textOf((await egress.fetch({ ...get, url: origin }, context)).body)
  assert.equal(urls.length, 1)
  assert.doesNotMatch(decodeURIComponent(urls[0] ?? ""), /s3cret/)
})

test("messages of a WebSocket and bytes of a socket hold no brokered secret", async (t) => {
  const server = createServer()
  const sockets = new WebSocketServer({ server })
  sockets.on("connection", (socket, request) => {
    socket.send(`you are ${request.headers.authorization}`)
    socket.send(Buffer.from(secret))
    socket.close()
  })
  const origin = `http://127.0.0.1:${await listening(t, server)}`
  const port = await serveSocket(t, (socket) => void socket.end(`raw ${secret}`))
  const egress = createHttpEgress({ secrets })
  t.after(() => egress.close())
  const context = contextOf({ allowedOrigins: [{ origin, ...rule }, `tcp://127.0.0.1:${port}`] })
  const open = await egress.openWebSocket(origin.replace("http", "ws"), { protocols: [], headers: [] }, context)
  const messages: string[] = []
  for await (const message of open.messages)
    messages.push(typeof message === "string" ? message : Buffer.from(message).toString())
  assert.deepEqual(messages, [`you are Bearer ${stars}`, stars])
  const socket = await egress.openSocket({ host: "127.0.0.1", port, tls: false }, context)
  assert.equal(await textOf(socket.readable), `raw ${stars}`)
})
