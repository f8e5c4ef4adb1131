import assert from "node:assert/strict"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, test } from "node:test"
import { mayfly, startMayfly } from "./mayfly-process.ts"

const folder = mkdtempSync(join(tmpdir(), "mayfly-keys-cli-"))
after(() => rmSync(folder, { recursive: true }))
const data = ["--data", join(folder, "data")]

test("mayfly keys makes a key that a running server takes, lists it and revokes it", async () => {
  const made = await mayfly(["keys", "create", "ci", "--scope", "run", "--tenant", "acme", "--expires", "90d", ...data])
  assert.equal(made.code, 0, made.stderr)
  assert.match(made.stdout, /^mf_[A-Za-z0-9_-]{43}\n$/)
  const id = /key_[0-9a-f]+/.exec(made.stderr)?.[0] ?? ""
  const server = startMayfly(["serve", "--port", "0", ...data])
  const [, url = ""] = await server.output(/serving at (\S+)/)
  const run = (): Promise<Response> =>
    fetch(`${url}/v1/run`, {
      method: "POST",
      headers: { authorization: `Bearer ${made.stdout.trim()}` },
      body: JSON.stringify({ script: "return 42" }),
    })
  assert.equal(((await (await run()).json()) as { result: number }).result, 42)
  const listed = await mayfly(["keys", "ls", "--json", ...data])
  const { name, scopes, tenant, revokedAt } = JSON.parse(listed.stdout) as Record<string, unknown>
  assert.deepEqual(
    { name, scopes, tenant, revokedAt },
    { name: "ci", scopes: ["run"], tenant: "acme", revokedAt: null },
  )
  assert.equal((await mayfly(["keys", "revoke", id, ...data])).code, 0)
  assert.equal((await run()).status, 401)
  const again = await mayfly(["keys", "revoke", id, ...data])
  assert.deepEqual([again.code, /server\.not-found/.test(again.stderr)], [1, true])
  server.child.kill("SIGTERM")
  assert.equal((await server.finished).code, 0)
})

test("what was carried out for an Idempotency-Key is known after kill -9, and what was cut off is said", async () => {
  const key = (await mayfly(["keys", "create", "ci", "--scope", "run", ...data])).stdout.trim()
  const serve = async (): Promise<[ReturnType<typeof startMayfly>, string]> => {
    const server = startMayfly(["serve", "--port", "0", ...data])
    const [, url = ""] = await server.output(/serving at (\S+)/)
    return [server, url]
  }
  const run = (url: string, idempotencyKey: string, script: string): Promise<Response> =>
    fetch(`${url}/v1/run`, {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "idempotency-key": idempotencyKey },
      body: JSON.stringify({ script }),
    })
  const [first, firstUrl] = await serve()
  const done = await (await run(firstUrl, "done", "return Math.random()")).json()
  const endless = "await new Promise((resolve) => setTimeout(resolve, 25_000))"
  // One of them is told that the other is under way.
  const both = [run(firstUrl, "cut", endless), run(firstUrl, "cut", endless)]
  await Promise.any(both.map(async (answer) => assert.equal((await answer).status, 409)))
  first.child.kill("SIGKILL")
  await first.finished
  const [second, url] = await serve()
  const again = await run(url, "done", "return Math.random()")
  assert.deepEqual([again.headers.get("idempotency-replayed"), await again.json()], ["true", done])
  const { error } = (await (await run(url, "cut", endless)).json()) as { error: { code: string } }
  assert.equal(error.code, "input.idempotency-unknown")
  second.child.kill("SIGTERM")
  assert.equal((await second.finished).code, 0)
})

test("mayfly keys create wants to be told what the key is for, and an admin key whose", async () => {
  for (const [args, words] of [
    [["--scope", "admin"], /--tenant is missing/],
    [["--scope", "everything"], /scopes\[0\] must be one of run, workflows/],
  ] as const) {
    const { code, stderr } = await mayfly(["keys", "create", "x", ...args, ...data])
    assert.deepEqual([code, words.test(stderr)], [2, true], stderr)
  }
})
