import assert from "node:assert/strict"
import { after, test } from "node:test"
import { startTestServer } from "../contract/test-server.ts"

const server = await startTestServer()
after(() => server.stop())

interface Asked {
  readonly key?: string
  readonly body?: string | ReadableStream<Uint8Array>
}

async function ask(method: string, path: string, given: Asked = {}): Promise<Response> {
  const { key = server.key, body } = given
  const init = { method, headers: { authorization: `Bearer ${key}` }, duplex: "half" as const }
  return fetch(server.url + path, { ...init, ...(body === undefined ? {} : { body }) })
}

async function made(tenant: string): Promise<{ id: string; key: string }> {
  const body = JSON.stringify({ name: "leaked", scopes: ["run", "sandboxes"], tenant })
  return (await (await ask("POST", "/v1/keys", { body })).json()) as { id: string; key: string }
}

test("an answer that streams ends when its key is revoked, and so does the program that makes it", async () => {
  const script = `export default {
    fetch: () => new Response(new ReadableStream({ pull: async (c) => { await new Promise((resolve) => setTimeout(resolve, 10)); c.enqueue(new Uint8Array(9)) } })),
  }`
  const body = JSON.stringify({ script, tenant: "acme", limits: { wallMs: null } })
  assert.equal((await ask("PUT", "/v1/workers/endless", { body })).status, 200)
  const { id, key } = await made("acme")
  const answer = await ask("GET", "/v1/workers/endless/fetch/", { key })
  assert.equal(answer.status, 200)
  const reading = assert.rejects(answer.arrayBuffer())
  await ask("DELETE", `/v1/keys/${id}`)
  await reading
  const running = async (): Promise<number> => {
    const { runs } = (await (await ask("GET", "/v1/runs?tenant=acme&status=running")).json()) as { runs: unknown[] }
    return runs.length
  }
  while ((await running()) > 0);
})

test("an upload ends when its key is revoked, and leaves no half of a file", async () => {
  assert.equal((await ask("POST", "/v1/sandboxes", { body: '{"id":"box","tenant":"acme"}' })).status, 201)
  const { id, key } = await made("acme")
  const arriving = Promise.withResolvers<void>()
  let sent = 0
  const endless = new ReadableStream<Uint8Array>({
    pull(controller) {
      controller.enqueue(new Uint8Array(1_000))
      if (++sent === 10) arriving.resolve()
      return new Promise((resolve) => setTimeout(resolve, 5))
    },
  })
  const upload = ask("PUT", "/v1/sandboxes/box/files/half", { key, body: endless })
  await arriving.promise
  await ask("DELETE", `/v1/keys/${id}`)
  const { error } = (await (await upload).json()) as { error: { code: string } }
  assert.equal(error.code, "sandbox.aborted")
  const { exists } = (await (await ask("GET", "/v1/sandboxes/box/exists?path=half&tenant=acme")).json()) as {
    exists: boolean
  }
  assert.equal(exists, false)
})

test("a program whose answer fails half-way writes nothing to the server's stderr", async (t) => {
  const said: unknown[] = []
  for (const name of ["error", "info"] as const)
    t.mock.method(console, name, (...words: unknown[]) => said.push(...words))
  const script = `export default {
    fetch: () => new Response(new ReadableStream({
      start: (c) => c.enqueue(new Uint8Array(9)),
      pull: () => { throw new Error("\\u001b[2J\\n{\\"level\\":\\"error\\"}") },
    })),
  }`
  assert.equal((await ask("PUT", "/v1/workers/liar", { body: JSON.stringify({ script, tenant: "acme" }) })).status, 200)
  const { key } = await made("acme")
  const answer = await ask("GET", "/v1/workers/liar/fetch/", { key })
  assert.equal(answer.status, 200)
  await assert.rejects(answer.arrayBuffer())
  assert.deepEqual(said, [])
})
