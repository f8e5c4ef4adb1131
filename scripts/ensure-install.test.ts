import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test } from "node:test"
import { isInstalled } from "./ensure-install.mjs"

type Packages = Readonly<Record<string, { version?: string; integrity?: string; optional?: boolean; link?: boolean }>>

/** What isInstalled says with this lock file and, unless null, these installed packages. */
function check(wanted: Packages, installed: Packages | null): boolean {
  const directory = mkdtempSync(join(tmpdir(), "mayfly-install-"))
  try {
    mkdirSync(join(directory, "node_modules"))
    const write = (path: string, packages: Packages): void =>
      writeFileSync(join(directory, path), JSON.stringify({ packages }))
    write("package-lock.json", wanted)
    if (installed !== null) write("node_modules/.package-lock.json", installed)
    return isInstalled(directory)
  } finally {
    rmSync(directory, { recursive: true })
  }
}

const a = { "node_modules/a": { version: "1.0.0", integrity: "x" } }
const other = { "node_modules/other-platform": { version: "1.0.0", optional: true } }

test("isInstalled is true when every package is there with its version", () => {
  assert.equal(check({ "": {}, "packages/p": {}, ...a, ...other }, a), true)
})

test("isInstalled is false without node_modules, without a package, and with another version or content", () => {
  assert.equal(check(a, null), false)
  assert.equal(check(a, {}), false)
  assert.equal(check(a, { "node_modules/a": { version: "1.0.1", integrity: "x" } }), false)
  assert.equal(check(a, { "node_modules/a": { version: "1.0.0", integrity: "y" } }), false)
  assert.equal(check({ "node_modules/@mayfly/p": { link: true } }, a), false)
})

test("runInherited passes a signal on and gives the exit code of the child", async () => {
  const child = `process.on("SIGTERM", () => process.exit(7)); console.log("ready"); setInterval(() => {}, 1000)`
  const parent = `
    import { runInherited } from ${JSON.stringify(join(import.meta.dirname, "ensure-install.mjs"))}
    process.exit(await runInherited(process.execPath, ["-e", ${JSON.stringify(child)}]))`
  const started = spawn(process.execPath, ["--input-type=module", "-e", parent], {
    stdio: ["ignore", "pipe", "inherit"],
  })
  await once(started.stdout, "data")
  started.kill("SIGTERM")
  const [code] = (await once(started, "exit")) as [number]
  assert.equal(code, 7)
})
