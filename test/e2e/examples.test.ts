import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { readdirSync } from "node:fs"
import { test } from "node:test"
import { fileURLToPath } from "node:url"

/** What `npm test` has built starts sooner. */
const flags = process.env["MAYFLY_TEST_BUILT"] === "1" ? [] : ["--conditions=source"]
const folder = fileURLToPath(new URL("../../examples/", import.meta.url))

for (const name of readdirSync(folder).filter((file) => file.endsWith(".ts"))) {
  test(`examples/${name} checks itself`, { timeout: 60_000 }, async () => {
    const child = spawn(process.execPath, [...flags, "--disable-warning=ExperimentalWarning", `${folder}${name}`], {
      stdio: ["ignore", "ignore", "pipe"],
    })
    let stderr = ""
    child.stderr.on("data", (text: Buffer) => (stderr += text.toString()))
    const [code] = (await once(child, "close")) as [number]
    assert.deepEqual({ code, stderr }, { code: 0, stderr: "" })
  })
}
