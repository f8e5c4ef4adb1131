import assert from "node:assert/strict"
import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { buffer } from "node:stream/consumers"
import { after, test } from "node:test"
import { createPlatform, Sandbox } from "./index.ts"

const server = createServer((request, response) => {
  void buffer(request).then((body) => {
    if (request.url === "/away") return response.writeHead(302, { location: "http://127.0.0.1:1/" }).end()
    if (request.url === "/bytes") return response.end(Uint8Array.of(0xff, 0, 0x61))
    if (request.url === "/large") return response.end(new Uint8Array(20 << 20))
    response.end(`${request.method} ${request.url} ${String(request.headers["x-name"] ?? "none")} ${body.toString()}`)
  })
}).listen(0, "127.0.0.1")
await once(server, "listening")
after(() => server.close())
const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
const platform = await createPlatform({ hosts: 1, isolates: 0, spare: false, sandboxes: { offer: ["virtual"] } })
after(() => platform.dispose())

test("curl in a virtual sandbox obeys the policy, and every attempt is a row with the sandbox's id", async () => {
  const rule = { origin, methods: ["GET", "POST"] }
  await using sandbox = await Sandbox.create({ platform, provider: "virtual", network: { allowedOrigins: [rule] } })
  const curl = async (words: string): Promise<string> => {
    const { stdout, stderr } = await sandbox.exec(`curl -sS ${words}`)
    return stdout + stderr
  }
  assert.equal(await curl(`-H 'X-Name: me' ${origin}/a`), "GET /a me ")
  assert.equal(await curl(`-d 'b=ü' ${origin}/b`), "POST /b none b=ü")
  await sandbox.exec(`curl -sS -o bytes ${origin}/bytes`)
  assert.deepEqual([...(await sandbox.files.read("bytes"))], [0xff, 0, 0x61])
  assert.match(await curl(`-X DELETE ${origin}/a`), /mesh\.denied/)
  assert.match(await curl("http://127.0.0.1:1/"), /mesh\.denied/)
  assert.match(await curl("http://169.254.169.254/"), /mesh\.denied/)
  assert.match(await curl(`-L ${origin}/away`), /mesh\.denied/)
  assert.match(await curl(`${origin}/large`), /mesh\.response-too-large/)
  assert.match(await curl("file:///etc/passwd"), /curl/)
  const { rows } = await platform.ledger.query({ limit: 100 })
  assert.ok(rows.every((row) => row.sandboxId === sandbox.id))
  assert.deepEqual(
    rows
      .map(({ decision, method, path }) => `${decision} ${method} ${path}`)
      .filter((row) => /GET \/a$|DELETE/.test(row))
      .sort(),
    ["allow GET /a", "deny DELETE /a"],
  )
  // The way out is opened anew with each start.
  await sandbox.stop()
  assert.equal(await curl(`${origin}/c`), "GET /c none ")
  await sandbox.destroy()
})

test("a virtual sandbox without a policy reaches nothing; many requests at once all end", async () => {
  await using sandbox = await Sandbox.create({ platform, provider: "virtual" })
  const results = await Promise.all(
    Array.from({ length: 12 }, () => sandbox.exec(`curl -sS ${origin}/`, { timeoutMs: 20_000 })),
  )
  for (const { stderr } of results) assert.match(stderr, /mesh\.denied/)
  await sandbox.destroy()
})

test("a tenant chooses among the providers that are offered, the platform's owner among all", async () => {
  const tenant = platform.sandboxes("tenant")
  const made = await tenant.create({ provider: "virtual" })
  assert.equal((await made.info()).provider.isolation, "in-process")
  await made.destroy()
  await assert.rejects(tenant.create({ provider: "docker" }), { code: "input.invalid" })
  await using strict = await createPlatform({ hosts: 1, isolates: 0, spare: false })
  await assert.rejects(strict.sandboxes("tenant").create({ provider: "virtual" }), { code: "input.invalid" })
  const own = await Sandbox.create({ platform: strict, provider: "virtual" })
  assert.equal((await own.exec("echo own")).stdout, "own\n")
  await own.destroy()
})
