import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import { test } from "node:test"

const program = `
import { createPlatform, detectJail, DynamicWorker } from "@mayfly/platform"
await using platform = await createPlatform({ hosts: 1, spare: false })
const worker = await DynamicWorker.create({
  script: "const text: string = 'ok'; const hash = await crypto.subtle.digest('SHA-256', new Uint8Array(3)); return [text, hash.byteLength]",
  platform,
})
const missing = await DynamicWorker.create({ script: "for (;;);", limits: { cpuMs: 50 }, platform })
console.log(JSON.stringify([detectJail().kind, await worker.run(), (await missing.execute()).error.code]))
`

test("without bubblewrap, hosts run under Node's permission model and limits hold", () => {
  const child = spawnSync(process.execPath, ["--conditions=source", "--input-type=module", "-e", program], {
    cwd: new URL(".", import.meta.url),
    encoding: "utf8",
    env: { PATH: "/nonexistent" },
    timeout: 30_000,
  })
  assert.deepEqual(JSON.parse(child.stdout || JSON.stringify(child.stderr)), [
    "permission",
    ["ok", 32],
    "worker.cpu-limit",
  ])
})
