import assert from "node:assert/strict"
import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import type { Writable } from "node:stream"
import { join } from "node:path"
import { after, test } from "node:test"
import { MayflyError } from "@mayfly/protocol"
import { openDataDirectory } from "./data-directory.ts"
import { directoryOwner } from "./directory-lock.ts"

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

test("openDataDirectory holds nothing when it could not say who has it", () => {
  const path = join(folder, "unwritten")
  mkdirSync(join(path, "lock.new"), { recursive: true })
  assert.throws(() => openDataDirectory(path), { code: "EISDIR" })
  rmSync(join(path, "lock.new"), { recursive: true })
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

const elsewhere = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc"]
const hasNamespaces = spawnSync(elsewhere[0] ?? "", [...elsewhere.slice(1), "true"]).status === 0

test(
  "openDataDirectory is refused to a process that can't see the owner, as in another container",
  { skip: !hasNamespaces },
  async () => {
    const path = join(folder, "volume")
    using _directory = openDataDirectory(path)
    const { outcome, end } = tryToOwn(path, elsewhere)
    const got = await outcome
    end()
    assert.equal(got, "in-use")
    assert.equal(directoryOwner(path)?.pid, process.pid)
  },
)

/** Another process that tries, says how it went, and holds what it got until it is ended. */
function tryToOwn(path: string, wrap: readonly string[] = []): { outcome: Promise<string>; end(): void } {
  const script = `
    import { openDataDirectory } from ${JSON.stringify(new URL("./data-directory.ts", import.meta.url).href)}
    process.stdin.resume()
    try { openDataDirectory(${JSON.stringify(path)}); console.log("owner") }
    catch (error) { console.log(error.code === "platform.data-dir-in-use" ? "in-use" : String(error)) }`
  const args = ["--conditions=source", "--disable-warning=ExperimentalWarning", "--input-type=module", "-e", script]
  const [command = "", ...rest] = [...wrap, process.execPath, ...args]
  const child = spawn(command, rest, { stdio: ["pipe", "pipe", "inherit"] })
  const outcome = new Promise<string>((resolve) => child.stdout.once("data", (chunk) => resolve(String(chunk).trim())))
  return { outcome, end: () => child.stdin.end() }
}

test("openDataDirectory takes over from a process that has ended and whose parent has not asked how", async () => {
  const path = join(folder, "zombie")
  mkdirSync(path)
  // The shell becomes a program that never asks for its children.
  const script = "head -c 1 <&3 >/dev/null & echo $!; exec sleep 60"
  const parent = spawn("sh", ["-c", script], { stdio: ["ignore", "pipe", "ignore", "pipe"] })
  try {
    const [text] = (await once(parent.stdout ?? parent, "data")) as [Buffer]
    const pid = Number(text.toString())
    // A shell that is still there might ask.
    while (!readFileSync(`/proc/${parent.pid}/cmdline`, "utf8").startsWith("sleep")) await new Promise(setImmediate)
    ;(parent.stdio[3] as Writable).end("x")
    while (!/\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"))) await new Promise(setImmediate)
    writeFileSync(join(path, "lock"), JSON.stringify({ pid, started: null, nonce: "0123456789abcdef" }))
    openDataDirectory(path)[Symbol.dispose]()
  } finally {
    parent.kill()
  }
})
