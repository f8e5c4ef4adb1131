import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, test } from "node:test"
import { MayflyError } from "@mayfly/protocol"
import { ensureAdminKey } from "./auth/admin-key.ts"
import { hashKey } from "./auth/api-key.ts"
import { openDataDirectory } from "./data-directory.ts"

const folder = mkdtempSync(join(tmpdir(), "mayfly-data-"))
after(() => rmSync(folder, { recursive: true }))

test("openDataDirectory makes a directory for its owner only, also one that was open to others", () => {
  const path = join(folder, "private")
  mkdirSync(path, { mode: 0o755 })
  using _directory = openDataDirectory(path)
  assert.equal(statSync(path).mode & 0o777, 0o700)
})

test("openDataDirectory refuses a second owner, naming the first, and lets go when disposed", () => {
  const path = join(folder, "second")
  const directory = openDataDirectory(path)
  assert.throws(
    () => openDataDirectory(path),
    (error) =>
      error instanceof MayflyError && error.code === "platform.data-dir-in-use" && error.details["pid"] === process.pid,
  )
  directory[Symbol.dispose]()
  openDataDirectory(path)[Symbol.dispose]()
})

test("openDataDirectory takes over from a dead process, and from a living one that only has its number", () => {
  for (const [name, lock] of [
    ["dead", { pid: 2 ** 22 + 1, started: "x", nonce: "0123456789abcdef" }],
    ["recycled", { pid: process.pid, started: "another boot:1", nonce: "0123456789abcdef" }],
    ["broken", "not a lock"],
  ] as const) {
    const path = join(folder, name)
    mkdirSync(path)
    writeFileSync(join(path, "lock"), JSON.stringify(lock))
    openDataDirectory(path)[Symbol.dispose]()
    assert.equal(existsSync(join(path, "lock")), false)
  }
})

test("openDataDirectory gives a dead process's directory to exactly one of many", async () => {
  const path = join(folder, "race")
  mkdirSync(path)
  writeFileSync(join(path, "lock"), JSON.stringify({ pid: 2 ** 22 + 1, started: null, nonce: "0123456789abcdef" }))
  const tries = Array.from({ length: 6 }, () => tryToOwn(path))
  const outcomes = await Promise.all(tries.map(({ outcome }) => outcome))
  for (const { end } of tries) end()
  assert.deepEqual(outcomes.toSorted(), ["in-use", "in-use", "in-use", "in-use", "in-use", "owner"])
})

/** Another process that tries, says how it went, and holds what it got until it is ended. */
function tryToOwn(path: string): { outcome: Promise<string>; end(): void } {
  const script = `
    import { openDataDirectory } from ${JSON.stringify(new URL("./data-directory.ts", import.meta.url).href)}
    process.stdin.resume()
    try { openDataDirectory(${JSON.stringify(path)}); console.log("owner") }
    catch (error) { console.log(error.code === "platform.data-dir-in-use" ? "in-use" : String(error)) }`
  const args = ["--conditions=source", "--disable-warning=ExperimentalWarning", "--input-type=module", "-e", script]
  const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] })
  const outcome = new Promise<string>((resolve) => child.stdout.once("data", (chunk) => resolve(String(chunk).trim())))
  return { outcome, end: () => child.stdin.end() }
}

test("ensureAdminKey makes a key once and stores only its hash, for the owner only", () => {
  using directory = openDataDirectory(join(folder, "key"))
  const { hash, created = "" } = ensureAdminKey(directory)
  assert.match(created, /^mf_[A-Za-z0-9_-]{43}$/)
  assert.deepEqual(ensureAdminKey(directory), { hash })
  assert.equal(hashKey(created), hash)
  for (const name of readdirSync(directory.path)) {
    const path = join(directory.path, name)
    assert.equal(statSync(path).mode & 0o077, 0, name)
    assert.equal(readFileSync(path, "utf8").includes(created), false, name)
  }
})

test("ensureAdminKey makes no new key when the file is damaged", () => {
  using directory = openDataDirectory(join(folder, "damaged"))
  writeFileSync(join(directory.path, "admin-key.json"), "{")
  assert.throws(() => ensureAdminKey(directory), { code: "input.invalid" })
})
