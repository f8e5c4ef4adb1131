import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { after, test } from "node:test"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../../", import.meta.url))
const pages = ["migrating.md"]
const built = process.env["MAYFLY_TEST_BUILT"] === "1" ? [] : ["--conditions=source"]
// Below the checkout, so that "mayfly" is found.
const cache = join(root, "node_modules", ".cache")
mkdirSync(cache, { recursive: true })
const folder = mkdtempSync(join(cache, "guides-"))
after(() => rmSync(folder, { recursive: true, force: true }))

/** The fences of a page that are marked as programs. */
function programsOf(page: string): string[] {
  const text = readFileSync(join(root, "docs", "guides", page), "utf8")
  return [...text.matchAll(/^```js runs\n([\s\S]*?)^```$/gm)].map((match) => match[1] ?? "")
}

for (const page of pages) {
  const programs = programsOf(page)
  test(`${page} has programs`, () => assert.ok(programs.length > 0))
  for (const [at, program] of programs.entries()) {
    test(`program ${at + 1} of ${page} runs and checks itself`, { timeout: 60_000 }, async () => {
      const path = join(folder, `${page}-${at}.mjs`)
      writeFileSync(path, program)
      const flags = [...built, "--disable-warning=ExperimentalWarning"]
      const child = spawn(process.execPath, [...flags, path], { stdio: ["ignore", "pipe", "pipe"] })
      let output = ""
      for (const stream of [child.stdout, child.stderr])
        stream.on("data", (text: Buffer) => (output += text.toString()))
      const [code] = (await once(child, "close")) as [number]
      assert.deepEqual({ code, output }, { code: 0, output: "" })
    })
  }
}
