import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { readdirSync } from "node:fs"
import { test } from "node:test"
import { fileURLToPath } from "node:url"

const folder = fileURLToPath(new URL("../../examples/adapters/", import.meta.url))

// As users run them: on what was built. (With sources by the condition "source", packages that know it too would come as TypeScript.)
for (const name of readdirSync(folder).filter((file) => file.endsWith(".ts"))) {
  test(`examples/adapters/${name} checks itself`, { timeout: 60_000 }, async () => {
    const { NODE_OPTIONS: _, ...env } = process.env
    const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", `${folder}${name}`], {
      stdio: ["ignore", "ignore", "pipe"],
      env,
    })
    let stderr = ""
    child.stderr.on("data", (text: Buffer) => (stderr += text.toString()))
    const [code] = (await once(child, "close")) as [number]
    assert.deepEqual({ code, stderr }, { code: 0, stderr: "" })
  })
}
