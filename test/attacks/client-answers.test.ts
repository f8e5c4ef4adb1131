import assert from "node:assert/strict"
import { test } from "node:test"
import { DynamicWorker, MayflyError, type RemotePlatform, Sandbox } from "@mayfly/client"
import { all, hostile, trust } from "./hostile-server.ts"

/** Everything that the client asks a server for. */
function calls(platform: RemotePlatform): readonly (readonly [string, () => Promise<unknown>])[] {
  const { WORKFLOWS, SANDBOX } = platform.env
  const workers = platform.namedWorkers
  const box = SANDBOX.made({ id: "box", tenant: "t" } as never)
  return [
    ["run", () => platform.run({ script: "1" })],
    ["usage", () => platform.usage.query()],
    ["runs.list", () => platform.runs.list()],
    ["runs.get", () => platform.runs.get("a")],
    ["keys.list", () => platform.keys.list()],
    ["tenants.list", () => platform.tenants.list()],
    ["tenants.get", () => platform.tenants.get("a")],
    ["secrets.list", () => platform.secrets.list()],
    ["approvals.list", () => platform.approvals.list()],
    ["approvals.follow", () => all(platform.approvals.follow())],
    ["ledger.query", () => platform.ledger.query()],
    ["ledger.follow", () => all(platform.ledger.follow())],
    ["workers.list", () => workers.list()],
    ["workers.versions", () => workers.versions("a")],
    ["workers.execute", () => workers.execute("a")],
    ["workers.stream", () => all(workers.stream("a"))],
    ["workflows.create", () => WORKFLOWS.create({ steps: [] })],
    ["workflows.list", () => WORKFLOWS.list()],
    ["workflow", () => WORKFLOWS.get("a").then((one) => one.status())],
    ["workflow.history", () => WORKFLOWS.get("a").then((one) => one.history())],
    ["workflow.subscribe", () => WORKFLOWS.get("a").then((one) => all(one.subscribe()))],
    ["workflow.result", () => WORKFLOWS.get("a").then((one) => one.result())],
    ["sandboxes.create", () => Sandbox.create({ platform })],
    ["sandboxes.list", () => SANDBOX.list()],
    ["sandboxes.snapshots", () => SANDBOX.snapshots()],
    ["exec", () => box.exec("true")],
    ["exec with output", () => box.exec("true", { onOutput: () => {} })],
    ["runCode with output", () => box.runCode("python", "1", { onOutput: () => {} })],
    ["spawn", () => box.spawn("true").then((process) => process.output())],
    ["processes", () => box.processes()],
    ["shell", () => box.shell().then((shell) => shell.exec("true"))],
    ["shells", () => box.shells()],
    ["policy", () => box.policy()],
    ["files.list", () => box.files.list()],
    ["files.stat", () => box.files.stat("a")],
    ["files.exists", () => box.files.exists("a")],
    ["files.watch", () => all(box.files.watch())],
  ]
}

const wrong = [
  "",
  "x",
  "null",
  "[]",
  "5",
  '"x"',
  "{}",
  "[[]]",
  '{"id":5,"ok":1}',
  '{"id":"a","ok":false}',
  '{"__proto__":{"id":"a"}}',
]
const listed = [
  "runs",
  "keys",
  "tenants",
  "secrets",
  "approvals",
  "workers",
  "versions",
  "history",
  "sandboxes",
  "entries",
]
const nested = "[".repeat(20_000) + "]".repeat(20_000)

test("wrong shapes are coded errors, whatever was asked for", async () => {
  const shapes = [
    ...wrong,
    JSON.stringify(Object.fromEntries(listed.map((name) => [name, 5]))),
    JSON.stringify(Object.fromEntries(listed.map((name) => [name, [null, 5, "x"]]))),
    `{"id":"a","ok":true,"result":${nested},"output":${nested},"status":"complete","endedAt":1}`,
  ]
  let body = ""
  const url = await hostile((request, response) => {
    const isStream = request.headers.accept === "text/event-stream"
    response.setHeader("content-type", isStream ? "text/event-stream" : "application/json")
    if (!isStream) return void response.end(body)
    for (const event of ["row", "approval", "result", "error", "value", "output", "instance", "end"])
      response.write(`event: ${event}\ndata: ${body}\n\n`)
    response.end()
  })
  for (body of shapes) {
    for (const [name, call] of calls(trust(url))) {
      const error = await call().then(
        () => undefined,
        (caught: unknown) => caught,
      )
      const what = `${name} of ${body.slice(0, 40)}: ${error instanceof Error ? error.stack : String(error)}`
      assert.ok(error === undefined || error instanceof MayflyError, what)
    }
  }
})

test("errors of any status and shape are coded, and their texts are texts", async () => {
  let answer = { status: 500, body: "" }
  const url = await hostile((_, response) => response.writeHead(answer.status).end(answer.body))
  for (const status of [300, 304, 400, 404, 418, 500, 502, 599])
    for (const body of [
      ...wrong,
      '{"error":5}',
      '{"error":{"code":"__proto__","message":"x"}}',
      '{"error":{"code":"input.invalid","message":5}}',
    ]) {
      answer = { status, body }
      await assert.rejects(trust(url).usage.query(), MayflyError, `${status} ${body}`)
    }
  answer = { status: 418, body: '{"error":{"code":"newer.code","message":"m","retry":false}}' }
  await assert.rejects(trust(url).usage.query(), {
    code: "server.internal",
    message: "m",
    details: { code: "newer.code" },
  })
})

test("a list without end is ended here", async () => {
  const url = await hostile((_, response) => response.end('{"workers":[{}],"cursor":"again"}'))
  await assert.rejects(trust(url).namedWorkers.list(), { code: "client.not-mayfly", message: /no end/ })
})

test("a redirect is not followed: nobody else gets the key", async () => {
  const seen: (string | undefined)[] = []
  const other = await hostile((request, response) => {
    seen.push(request.headers.authorization)
    response.end("{}")
  })
  for (const status of [301, 302, 303, 307, 308]) {
    const url = await hostile((request, response) =>
      response.writeHead(status, { location: `${other}${request.url}` }).end(),
    )
    const platform = trust(url)
    await assert.rejects(platform.usage.query(), MayflyError)
    await assert.rejects(platform.run({ script: "1" }), MayflyError)
    await assert.rejects(DynamicWorker.create({ script: "1", platform }), MayflyError)
    const answer = await platform.namedWorkers.fetch("a", new Request("https://a.example/"))
    assert.equal(answer.status, status)
  }
  assert.deepEqual(seen, [])
})

test("a session or terminal that says anything ends as a coded error", async () => {
  const texts = [
    "",
    "x",
    "{}",
    "[]",
    "null",
    '["resolve"]',
    '["resolve",1,["import",-5]]',
    '["abort",["error","x","y"]]',
    "x".repeat(1 << 20),
  ]
  const messages: readonly (string | Uint8Array)[] = [...texts, new Uint8Array([0, 255])]
  let message: string | Uint8Array = ""
  const url = await hostile(
    (_, response) => response.writeHead(426).end(),
    (socket) => {
      socket.send(message)
      socket.on("message", () => socket.send(message))
      setTimeout(() => socket.close(), 50)
    },
  )
  for (message of messages) {
    const platform = trust(url)
    await assert.rejects(DynamicWorker.create({ script: "1", platform }), MayflyError, String(message).slice(0, 40))
    const box = platform.env.SANDBOX.made({ id: "box", tenant: "t" } as never)
    const view = await box.terminal().catch((error: unknown) => error)
    if (!(view instanceof Error))
      await assert.rejects((view as Awaited<ReturnType<typeof box.terminal>>).waitForExit(), MayflyError)
    else assert.ok(view instanceof MayflyError)
    await platform.dispose()
  }
})

test("a terminal that writes more than is read costs a bounded room, and its end is still known", async () => {
  const url = await hostile(
    (_, response) => response.writeHead(426).end(),
    (socket) => {
      socket.send('{"type":"ready","terminal":"t-1"}')
      for (let count = 0; count < 40; count++) socket.send(new Uint8Array(1 << 20))
      socket.send('{"type":"exit","exitCode":3}')
    },
  )
  const view = await trust(url)
    .env.SANDBOX.made({ id: "box", tenant: "t" } as never)
    .terminal()
  assert.deepEqual(await view.waitForExit(), { exitCode: 3 })
  let bytes = 0
  await assert.rejects(
    async () => {
      const reader = view.output().getReader()
      for (;;) bytes += (await reader.read()).value?.byteLength ?? assert.fail("it ended as if all was read")
    },
    { code: "client.disconnected" },
  )
  assert.ok(bytes <= 16 << 20)
  await view[Symbol.asyncDispose]()
})
