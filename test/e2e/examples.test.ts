import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { readdirSync } from "node:fs"
import { test } from "node:test"
import { fileURLToPath } from "node:url"
import { sample } from "../attacks/sample.ts"

/** What `npm test` has built starts sooner. */
const flags = process.env["MAYFLY_TEST_BUILT"] === "1" ? [] : ["--conditions=source"]
const folder = fileURLToPath(new URL("../../examples/", import.meta.url))

const all = readdirSync(folder).filter((file) => file.endsWith(".ts"))

for (const name of process.env["MAYFLY_FULL"] === "1" ? all : sample(all, all.length / 2)) {
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
