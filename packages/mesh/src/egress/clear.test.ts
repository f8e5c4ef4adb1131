import assert from "node:assert/strict"
import type { IncomingHttpHeaders } from "node:http"
import { type TestContext, test } from "node:test"
import { type EgressContext, type LedgerRow, MayflyError, type NetworkPolicy } from "@mayfly/protocol"
import { policyHash } from "../policy/policy-hash.ts"
import { PolicyHandle } from "../policy/policy-handle.ts"
import { createHttpEgress } from "./create-egress.ts"
import { contextOf, get, serve, type TestContextOf, textOf } from "./egress-harness.ts"
import type { ApprovalRequest, EgressLedger, EgressOptions } from "./egress-options.ts"

interface Call {
  readonly options?: EgressOptions
  readonly headers?: readonly (readonly [string, string])[]
  readonly context?: Partial<EgressContext>
}

interface Got {
  readonly text: string | null
  readonly error: unknown
  readonly context: TestContextOf
}

async function call(
  url: string,
  policy: NetworkPolicy,
  { options, headers = [], context: given }: Call = {},
): Promise<Got> {
  const egress = createHttpEgress(options)
  const context = contextOf(policy, given)
  try {
    const response = await egress.fetch({ ...get, url, headers }, context)
    return { text: await textOf(response.body), error: null, context }
  } catch (error) {
    return { text: null, error, context }
  } finally {
    await egress.close()
  }
}

function codeOf({ error }: Got): string {
  assert.ok(error instanceof MayflyError, String(error))
  return error.code
}

function echoHeaders(t: TestContext): Promise<string> {
  return serve(t, (request, response) => response.end(JSON.stringify(request.headers)))
}

test("fetch adds secrets on the way out, in place of what the guest gave, and names them in the row", async (t) => {
  let seen: IncomingHttpHeaders = {}
  const origin = await serve(t, (request, response) => {
    seen = request.headers
    response.end(JSON.stringify(seen))
  })
  const asked: string[] = []
  const secrets = {
    resolve: async (tenant: string, name: string) => {
      asked.push(`${tenant} ${name}`)
      return `value of ${name} $&`
    },
  }
  const headers = {
    authorization: { secret: "TOKEN" },
    "x-key": { secret: "KEY", format: "<{secret}>" },
    "x-fixed": "yes",
    cookie: null,
  }
  const got = await call(
    origin,
    { allowedOrigins: [{ origin, headers }] },
    {
      options: { secrets },
      headers: [
        ["Authorization", "Bearer of-the-guest"],
        ["X-KEY", "guess"],
        ["x-fixed", "no"],
        ["Cookie", "a=1"],
        ["x-own", "kept"],
      ],
    },
  )
  assert.deepEqual(
    [seen["authorization"], seen["x-key"], seen["x-fixed"], seen["cookie"], seen["x-own"]],
    ["Bearer value of TOKEN $&", "<value of KEY $&>", "yes", undefined, "kept"],
  )
  // What the server gives back of them is taken out again.
  const echoed = JSON.parse(got.text ?? "null") as Record<string, string>
  assert.deepEqual([echoed["authorization"], echoed["x-key"]], [`Bearer ${"*".repeat(17)}`, `<${"*".repeat(15)}>`])
  assert.deepEqual(asked, ["t TOKEN", "t KEY"])
  assert.deepEqual(got.context.rows[0]?.secrets, ["TOKEN", "KEY"])
  assert.doesNotMatch(JSON.stringify(got.context.rows), /value of/)
})

test("fetch sends no secret on a redirect to an origin whose own rule does not name it", async (t) => {
  const other = await echoHeaders(t)
  const origin = await serve(t, (_request, response) => response.writeHead(307, { location: other }).end())
  const secrets = { resolve: () => Promise.resolve("s3cret") }
  const headers = { authorization: { secret: "TOKEN" }, "x-key": { secret: "KEY" } }
  const got = await call(origin, { allowedOrigins: [{ origin, headers }, other] }, { options: { secrets } })
  assert.doesNotMatch(got.text ?? "", /s3cret|authorization|x-key/)
  assert.deepEqual(
    got.context.rows.map((row) => row.secrets),
    [["TOKEN", "KEY"], []],
  )
})

test("fetch sends nothing when a secret is missing or cannot be sent, and tells neither value nor cause", async (t) => {
  const origin = await serve(t, () => assert.fail("a request was sent"))
  const policy = { allowedOrigins: [{ origin, headers: { authorization: { secret: "TOKEN" } } }] }
  const stores: (EgressOptions["secrets"] | undefined)[] = [
    undefined,
    { resolve: () => Promise.resolve(null) },
    { resolve: () => Promise.resolve("") },
    { resolve: () => Promise.resolve("s3cret\r\nhost: evil") },
    { resolve: () => Promise.reject(new Error("s3cret is locked")) },
  ]
  for (const secrets of stores) {
    const got = await call(origin, policy, { options: secrets === undefined ? {} : { secrets } })
    assert.equal(codeOf(got), "mesh.secret-missing")
    assert.doesNotMatch(JSON.stringify([got.error, got.context.rows]) + String((got.error as Error).cause), /s3cret/)
    assert.deepEqual(
      got.context.rows.map(({ decision, reason }) => [decision, reason]),
      [["deny", "secret-missing"]],
    )
  }
})

test("fetch asks for an approval where the policy says so, and does what the answer says", async (t) => {
  const origin = await serve(t, (_request, response) => response.end("reached"))
  const asked: ApprovalRequest[] = []
  const answering = (answer: unknown): EgressOptions => ({
    approvals: {
      ask: (request) => {
        asked.push(request)
        return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer as "allow")
      },
    },
  })
  const policy = { defaultPolicy: "ask" as const }
  const context = { sandboxId: "box", step: "build" }
  const allowed = await call(`${origin}/p?secret=1`, policy, { options: answering("allow"), context })
  assert.equal(allowed.text, "reached")
  const { signal: _, ...rest } = asked[0] as ApprovalRequest
  assert.deepEqual(rest, {
    tenant: "t",
    runId: "r",
    sandboxId: "box",
    step: "build",
    method: "GET",
    origin,
    path: "/p",
    policyHash: policyHash(policy),
  })
  const outcomes: unknown[] = []
  for (const answer of ["deny", "pending", "yes", new Error("offline")]) {
    const got = await call(origin, policy, { options: answering(answer) })
    outcomes.push([codeOf(got), got.context.rows[0]?.decision, got.context.rows[0]?.reason])
  }
  assert.deepEqual(outcomes, [
    ["mesh.denied", "deny", "ask-denied"],
    ["mesh.pending", "ask", "pending"],
    ["mesh.denied", "deny", "ask-denied"],
    ["mesh.denied", "deny", "ask"],
  ])
  assert.equal(codeOf(await call(origin, policy)), "mesh.denied")
})

test("an approval of a name opens no private network behind it", async () => {
  const options = {
    approvals: { ask: () => Promise.resolve("allow" as const) },
    lookup: () => Promise.resolve(["10.0.0.1"]),
  }
  const got = await call("https://harmless.example", { defaultPolicy: "ask" }, { options })
  assert.deepEqual([codeOf(got), got.context.rows[0]?.reason], ["mesh.denied", "private-address"])
})

test("fetch waits for the ledger before a byte leaves, also before a denial", async (t) => {
  const events: string[] = []
  const origin = await serve(t, (_request, response) => {
    events.push("request")
    response.end("x")
  })
  const rows: LedgerRow[] = []
  const ledger: EgressLedger = {
    async begin(row) {
      await new Promise((resolve) => setImmediate(resolve))
      events.push(`begin ${row.decision} ${row.status}`)
    },
    end(row) {
      events.push(`end ${row.decision} ${row.status} ${row.bytesIn}`)
      rows.push(row)
    },
  }
  const policy = { allowedOrigins: [origin] }
  const context = { sandboxId: "box", step: "build" }
  const got = await call(origin, policy, { options: { ledger }, context })
  assert.deepEqual(rows, got.context.rows)
  assert.deepEqual([rows[0]?.sandboxId, rows[0]?.step], ["box", "build"])
  const denied = await call("https://other.example", policy, { options: { ledger } })
  assert.equal(codeOf(denied), "mesh.denied")
  assert.deepEqual(events, ["begin allow null", "request", "end allow 200 1", "begin deny null", "end deny null 0"])
})

test("fetch sends nothing that the ledger cannot record", async (t) => {
  const origin = await serve(t, () => assert.fail("a request was sent"))
  for (const begin of [
    () => Promise.reject(new Error("disk full at /secret/path")),
    () => {
      throw new Error("broken")
    },
  ]) {
    const ledger = { begin, end: () => assert.fail("ended what was not begun") }
    for (const url of [origin, "https://denied.example"]) {
      const got = await call(url, { allowedOrigins: [origin] }, { options: { ledger } })
      assert.equal(codeOf(got), "mesh.ledger-failed")
      assert.doesNotMatch((got.error as Error).message, /disk/)
      assert.deepEqual(
        got.context.rows.map(({ decision, reason }) => [decision, reason]),
        [["deny", "ledger-failed"]],
      )
    }
  }
})

test("fetch counts against a rule: requests of a run, rate of a tenant, bytes of a body", async (t) => {
  const origin = await serve(t, (request, response) => request.resume().on("end", () => response.end("x")))
  const egress = createHttpEgress()
  t.after(() => egress.close())
  const send = async (rule: object, context: Partial<EgressContext> = {}, size = 0): Promise<string> => {
    try {
      const body = size === 0 ? null : new Uint8Array(size)
      const request = { ...get, url: origin, method: size === 0 ? "GET" : "POST", body }
      const response = await egress.fetch(request, contextOf({ allowedOrigins: [{ origin, ...rule }] }, context))
      return await textOf(response.body)
    } catch (error) {
      assert.ok(error instanceof MayflyError)
      return `${error.code} ${String(error.details["reason"])}`
    }
  }
  const once = { maxRequests: 1 }
  assert.deepEqual(
    [await send(once), await send(once), await send(once, { runId: "r2" })],
    ["x", "mesh.denied count", "x"],
  )
  const rate = { rate: { requests: 1, perSeconds: 3600 } }
  assert.deepEqual(
    [await send(rate, { runId: "a" }), await send(rate, { runId: "b" }), await send(rate, { tenant: "other" })],
    ["x", "mesh.rate-limited rate", "x"],
  )
  const size = { maxRequestBytes: 10 }
  assert.deepEqual([await send(size, {}, 10), await send(size, {}, 11)], ["x", "mesh.request-too-large undefined"])
})

test("a streamed body ends at the rule's size, and its request with it", async (t) => {
  const origin = await serve(t, (request) => request.on("error", () => {}).resume())
  let cancelled = false
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new Uint8Array(1000)),
    cancel: () => void (cancelled = true),
  })
  const egress = createHttpEgress()
  t.after(() => egress.close())
  const context = contextOf({ allowedOrigins: [{ origin, maxRequestBytes: 5000 }] })
  await assert.rejects(egress.fetch({ ...get, url: origin, method: "POST", body }, context), {
    code: "mesh.request-too-large",
  })
  assert.deepEqual(
    context.rows.map(({ reason, bytesOut }) => [reason, bytesOut]),
    [["request-too-large", 5000]],
  )
  assert.equal(cancelled, true)
})

test("no rule opens a port that the platform itself listens on", async (t) => {
  const origin = await serve(t, () => assert.fail("the platform's own port was reached"))
  const port = Number(new URL(origin).port)
  const options: EgressOptions = {
    ownPorts: () => [port],
    lookup: (name) => Promise.resolve(name === "six.example" ? ["::1"] : ["127.0.0.1"]),
  }
  for (const host of [
    "127.0.0.1",
    "localhost",
    "2130706433",
    "[::ffff:127.0.0.1]",
    "api.example",
    "six.example",
    "0.0.0.0",
  ]) {
    const url = `http://${host}:${port}`
    const got = await call(url, { allowedOrigins: [url, "*"], allowAll: true }, { options })
    assert.deepEqual([codeOf(got), got.context.rows[0]?.reason], ["mesh.denied", "own-listener"], url)
  }
})

test("a policy that is replaced counts from the next hop on", async (t) => {
  const handle: { current?: PolicyHandle } = {}
  const origin = await serve(t, (request, response) => {
    if (request.url !== "/") return response.end("reached")
    return void handle.current?.replace({}).then(() => response.writeHead(302, { location: "/next" }).end())
  })
  const policy = { allowedOrigins: [origin] }
  handle.current = new PolicyHandle(policy)
  const got = await call(origin, handle.current)
  assert.equal(codeOf(got), "mesh.denied")
  assert.deepEqual(
    got.context.rows.map((row) => row.policyHash),
    [policyHash(policy), policyHash({})],
  )
})

test("an abort ends an attempt at every stage before the first byte, with a complete row", async () => {
  const never = new Promise<never>(() => {})
  const stages: Record<string, [NetworkPolicy, (reached: () => void) => EgressOptions]> = {
    approval: [{ defaultPolicy: "ask" }, (reached) => ({ approvals: { ask: () => (reached(), never) } })],
    lookup: [{ defaultPolicy: "allow" }, (reached) => ({ lookup: () => (reached(), never) })],
    secret: [
      { allowedOrigins: [{ origin: "https://a.example", headers: { a: { secret: "S" } } }] },
      (reached) => ({ lookup: () => Promise.resolve(["8.8.8.8"]), secrets: { resolve: () => (reached(), never) } }),
    ],
  }
  for (const [stage, [policy, optionsFor]] of Object.entries(stages)) {
    const abort = new AbortController()
    const options = optionsFor(() => setImmediate(() => abort.abort(stage)))
    const got = await call("https://a.example", policy, { options, context: { signal: abort.signal } })
    assert.equal(got.error, stage)
    assert.deepEqual(
      got.context.rows.map(({ reason }) => reason),
      ["aborted"],
      stage,
    )
  }
})
