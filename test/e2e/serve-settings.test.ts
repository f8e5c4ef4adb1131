import assert from "node:assert/strict"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, test } from "node:test"
import { mayfly, startMayfly } from "./mayfly-process.ts"

const folder = mkdtempSync(join(tmpdir(), "mayfly-settings-"))
after(() => rmSync(folder, { recursive: true, force: true }))

test("serve takes settings from file, variables and flags, logs requests and programs apart, and shows numbers", async () => {
  const config = {
    data: join(folder, "data"),
    limits: { cpuMs: 77 },
    log: { guests: join(folder, "guests.jsonl") },
    metrics: { tenants: true },
  }
  writeFileSync(join(folder, "mayfly.config.jsonc"), `// settings\n${JSON.stringify(config)}`)
  const server = startMayfly(["serve", "--port", "0"], { cwd: folder, env: { MAYFLY_LOG_FORMAT: "json" } })
  try {
    const [, key = ""] = await server.output(/admin key: (mf_\S+)/)
    const [, url = ""] = await server.output(/serving at (\S+)/)
    const headers = { authorization: `Bearer ${key}` }
    const call = async (path: string, body?: object): Promise<string> => {
      const init = body === undefined ? { headers } : { method: "POST", headers, body: JSON.stringify(body) }
      return (await fetch(`${url}${path}`, init)).text()
    }
    assert.equal(await call("/readyz"), `{"status":"ready"}`)
    await call("/v1/run", { script: "console.log('said by a guest'); return 1" })
    assert.match(await call("/v1/run", { script: "for (;;) {}" }), /worker\.cpu-limit.*77/)
    const numbers = await call("/metrics")
    assert.match(numbers, /^mayfly_runs_total\{outcome="worker\.cpu-limit",tenant="default"\} 1$/m)
    assert.match(numbers, /^mayfly_store_commit_seconds_count [1-9]/m)
    await server.output(/"route":"\/metrics"|"route":"\/v1\/run".*\n.*"route":"\/v1\/run"/)
  } finally {
    server.child.kill("SIGTERM")
  }
  const { code, stdout, stderr } = await server.finished
  assert.equal(code, 0)
  const lines = stderr.split("\n").filter((line) => line.startsWith("{"))
  const requests = lines.map((line) => JSON.parse(line) as Record<string, unknown>)
  assert.deepEqual(
    requests.map(({ level, message, method, route, status, keyId }) => ({
      level,
      message,
      method,
      route,
      status,
      keyId,
    })),
    [1, 2].map(() => ({
      level: "info",
      message: "request",
      method: "POST",
      route: "/v1/run",
      status: 200,
      keyId: "admin",
    })),
  )
  assert.doesNotMatch(stdout.replace(/admin key: \S+/, "") + stderr, /said by a guest|mf_/)
  const [line] = readFileSync(join(folder, "guests.jsonl"), "utf8").split("\n")
  const { runId, time, ...said } = JSON.parse(line ?? "") as Record<string, unknown>
  assert.match(String(runId), /^run_/)
  assert.equal(typeof time, "number")
  assert.deepEqual(said, { tenant: "default", level: "log", message: "said by a guest" })
})

test("serve --print-config says what is in force and where it came from, without secrets", async () => {
  const env = { MAYFLY_WEBHOOK_SECRET: "whsec_hidden" }
  const { code, stdout } = await mayfly(["serve", "--print-config", "--json", "--port", "1"], { cwd: tmpdir(), env })
  assert.equal(code, 0)
  const { settings } = JSON.parse(stdout) as { settings: { name: string; value: unknown; source: string }[] }
  const of = (name: string): unknown => settings.find((one) => one.name === name)
  assert.deepEqual(of("port"), { name: "port", value: 1, source: "--port" })
  assert.deepEqual(of("webhookSecret"), { name: "webhookSecret", value: "***", source: "MAYFLY_WEBHOOK_SECRET" })
})

test("serve refuses what it does not know or can't be, before anything starts", async () => {
  const data = join(folder, "never")
  const attempts: [args: string[], env: Record<string, string>, code: number, words: RegExp][] = [
    [[], { MAYFLY_PROT: "1" }, 2, /MAYFLY_PROT is not a setting; did you mean "MAYFLY_PORT"/],
    [["--host", "0.0.0.0", "--set", "metrics.access=open"], {}, 2, /metrics\.access can't be "open"/],
    [
      ["--require", "hardened", "--set", "metrics.access=open"],
      {},
      1,
      /platform\.not-hardened.*metrics\.access is open/,
    ],
  ]
  await Promise.all(
    attempts.map(async ([args, env, wanted, words], at) => {
      const options = ["--port", "0", "--data", `${data}-${at}`, ...args]
      const { code, stderr } = await mayfly(["serve", ...options], { cwd: tmpdir(), env })
      assert.match(stderr, words)
      assert.equal(code, wanted, args.join(" "))
    }),
  )
})
