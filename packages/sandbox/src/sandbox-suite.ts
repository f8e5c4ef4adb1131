import assert from "node:assert/strict"
import { createHash, randomBytes } from "node:crypto"
import { after, test } from "node:test"
import type { MayflyError } from "@mayfly/protocol"
import { openStore } from "@mayfly/store"
import { Sandbox } from "./sandbox.ts"
import type { SandboxOptions, SandboxPlatform } from "./sandbox-options.ts"
import { Sandboxes, type SandboxesOptions } from "./sandboxes.ts"

/** What every provider of sandboxes must do, seen through the public API. */
export function sandboxSuite(name: string, options: Omit<SandboxesOptions, "store">): void {
  const store = openStore()
  const home = new Sandboxes({ ...options, store: () => store })
  const platform: SandboxPlatform = { env: { SANDBOX: home } }
  const create = (more: SandboxOptions = {}): Promise<Sandbox> => Sandbox.create({ platform, ...more })
  after(async () => {
    await home.dispose()
    await (await store).close()
  })

  test(`${name} exec gives exit code, stdout and stderr`, async () => {
    await using sandbox = await create()
    const result = await sandbox.exec("echo out; echo err >&2; exit 3")
    const { exitCode, success, signal, stdout, stderr, timedOut, truncated } = result
    assert.deepEqual(
      { exitCode, success, signal, stdout, stderr, timedOut, truncated },
      {
        exitCode: 3,
        success: false,
        signal: null,
        stdout: "out\n",
        stderr: "err\n",
        timedOut: false,
        truncated: false,
      },
    )
  })

  test(`${name} exec takes a list as it is, and cwd, env and stdin`, async () => {
    await using sandbox = await create({ env: { GREETING: "hello" } })
    const list = await sandbox.exec(["printf", "%s|", "a b", "$HOME", "*"])
    assert.equal(list.stdout, "a b|$HOME|*|")
    await sandbox.files.mkdir("deep/er")
    const place = await sandbox.exec("pwd; echo $GREETING $NAME", { cwd: "deep/er", env: { NAME: "you" } })
    assert.equal(place.stdout, "/workspace/deep/er\nhello you\n")
    assert.equal((await sandbox.exec("cat", { stdin: "from stdin" })).stdout, "from stdin")
    assert.equal((await sandbox.exec("cat; echo end")).stdout, "end\n")
  })

  test(`${name} exec keeps bytes that are no UTF-8`, async () => {
    await using sandbox = await create()
    const { stdout, stdoutBytes } = await sandbox.exec("printf '\\xff\\x00a'")
    assert.deepEqual([...stdoutBytes], [0xff, 0, 0x61])
    assert.equal(stdout, "\ufffd\0a")
  })

  test(`${name} a program that is missing is exit code 127, a folder that is missing an error`, async () => {
    await using sandbox = await create()
    const missing = await sandbox.exec(["no-such-program"])
    assert.deepEqual([missing.exitCode, missing.stderr], [127, "no-such-program: command not found\n"])
    assert.equal((await sandbox.exec("no-such-program")).exitCode, 127)
    await assert.rejects(sandbox.exec("true", { cwd: "nowhere" }), { code: "sandbox.file" })
  })

  test(`${name} files keep bytes, modes and names`, async () => {
    await using sandbox = await create()
    const bytes = randomBytes(300_000)
    assert.equal(await sandbox.files.write("a/b c/ü.bin", bytes, { mode: 0o600 }), bytes.length)
    assert.deepEqual(Buffer.from(await sandbox.files.read("a/b c/ü.bin")), bytes)
    const { path, type, size, mode } = await sandbox.files.stat("/workspace/a/b c/ü.bin")
    assert.deepEqual(
      { path, type, size, mode },
      { path: "/workspace/a/b c/ü.bin", type: "file", size: 300_000, mode: 0o600 },
    )
    await sandbox.files.write("a/empty", "")
    assert.equal(await sandbox.files.read("a/empty", { encoding: "utf8" }), "")
    await sandbox.files.write("a/more", "x")
    await sandbox.files.write("a/more", "y", { append: true })
    assert.equal(await sandbox.files.read("a/more", { encoding: "utf8" }), "xy")
    await sandbox.files.rename("a/more", "z/moved")
    assert.deepEqual(
      (await sandbox.files.list(".", { recursive: true })).map((entry) => `${entry.type} ${entry.path}`),
      [
        "directory /workspace/a",
        "directory /workspace/z",
        "directory /workspace/a/b c",
        "file /workspace/a/empty",
        "file /workspace/z/moved",
        "file /workspace/a/b c/ü.bin",
      ],
    )
    assert.deepEqual([await sandbox.files.exists("a/more"), await sandbox.files.exists("z/moved")], [false, true])
    await assert.rejects(sandbox.files.remove("a"), { code: "sandbox.file" })
    await sandbox.files.remove("a", { recursive: true })
    assert.equal(await sandbox.files.exists("a"), false)
  })

  test(`${name} errors of files are coded`, async () => {
    await using sandbox = await create()
    await assert.rejects(sandbox.files.read("missing"), { code: "sandbox.file-not-found" })
    await assert.rejects(sandbox.files.read("."), { code: "sandbox.file", details: { errno: "EISDIR" } })
    await assert.rejects(sandbox.files.write("/usr/x", "x"), (error: MayflyError) => error.code === "sandbox.file")
    await sandbox.files.write("big", "12345")
    await assert.rejects(sandbox.files.read("big", { maxBytes: 4 }), { code: "sandbox.file-too-large" })
    for (const path of ["", "a\0b", 7 as never, "x".repeat(5_000)])
      await assert.rejects(sandbox.files.read(path), { code: "input.invalid" })
  })

  test(`${name} bad options name the field`, async () => {
    const bad: [SandboxOptions, RegExp][] = [
      [{ id: "A" }, /id must be/],
      [{ id: "-a" }, /id must be/],
      [{ id: "admin" }, /reserved/],
      [{ id: "x".repeat(64) }, /id must be/],
      [{ limits: { memoryMb: 1 } }, /limits\.memoryMb must be/],
      [{ limits: { memory: 512 } as never }, /limits\.memory is not a limit/],
      [{ env: { "a b": "x" } }, /env has the name "a b"/],
      [{ env: { A: "x\0" } }, /env\.A must be/],
      [{ sleepAfter: "soon" }, /sleepAfter must be/],
      [{ provider: "docker" }, /no provider "docker"/],
      [{ colour: "red" } as never, /colour is not an option/],
    ]
    for (const [options, message] of bad) await assert.rejects(create(options), message)
    await assert.rejects(Sandbox.get("nobody", { platform }), { code: "sandbox.not-found" })
    await assert.rejects(create({ from: "snap-none" }), { code: "sandbox.not-found" })
  })

  test(`${name} an id is one sandbox: create, get, open, list, destroy`, async () => {
    const first = await create({ id: "one" })
    await first.files.write("x", "1")
    await assert.rejects(create({ id: "one" }), { code: "sandbox.exists" })
    assert.equal(await (await Sandbox.get("one", { platform })).files.read("x", { encoding: "utf8" }), "1")
    const both = await Promise.all([Sandbox.open("two", { platform }), Sandbox.open("two", { platform })])
    await both[0].files.write("y", "2")
    assert.equal(await both[1].files.read("y", { encoding: "utf8" }), "2")
    const listed = (await Sandbox.list({ platform })).filter(({ id }) => id === "one" || id === "two")
    assert.deepEqual(
      listed.map(({ id, status }) => [id, status]),
      [
        ["one", "running"],
        ["two", "running"],
      ],
    )
    await first.destroy()
    await first.destroy()
    await assert.rejects(first.exec("true"), { code: "sandbox.destroyed" })
    await assert.rejects(Sandbox.get("one", { platform }), { code: "sandbox.not-found" })
    await both[0].destroy()
    const again = await create({ id: "one" })
    assert.deepEqual(await again.files.list(), [])
    await again.destroy()
  })

  test(`${name} files outlast stop and sleep; exec wakes it`, async () => {
    const sandbox = await create({ sleepAfter: 50 })
    await sandbox.exec("mkdir -p d && seq 1000 > d/numbers && ln -s d/numbers link")
    const sum = "find . -type f -exec sha256sum {} + | sort"
    const before = await sandbox.exec(sum)
    while (sandbox.status !== "stopped") await new Promise((resolve) => setImmediate(resolve))
    assert.equal((await sandbox.exec(sum)).stdout, before.stdout)
    await sandbox.stop()
    await sandbox.stop()
    assert.equal(sandbox.status, "stopped")
    assert.equal((await sandbox.exec("readlink link")).stdout, "d/numbers\n")
    await sandbox.destroy()
  })

  test(`${name} calls that come while it goes to sleep or stops find it awake`, async () => {
    await using sandbox = await create({ sleepAfter: 10 })
    for (let round = 0; round < 12; round++) {
      assert.equal((await sandbox.exec(`echo ${round}`)).stdout, `${round}\n`)
      const stop = round % 3 === 0 ? sandbox.stop() : undefined
      await new Promise((resolve) => setTimeout(resolve, round % 3 === 0 ? 0 : 8 + round / 2))
      const both = await Promise.all([sandbox.exec("echo a"), sandbox.exec("echo b"), stop])
      assert.deepEqual([both[0].stdout, both[1].stdout], ["a\n", "b\n"])
    }
  })

  test(`${name} forks and snapshots go their own ways`, async () => {
    await using origin = await create({ env: { A: "1" } })
    await origin.exec("echo shared > file; mkdir d; echo x > d/only-origin; echo home > ~/h")
    const snapshot = await origin.snapshot()
    assert.equal(snapshot.sandboxId, origin.id)
    assert.ok(snapshot.bytes > 0)
    await using fork = await origin.fork()
    await fork.exec("echo fork > file; rm d/only-origin")
    await origin.exec("echo origin > file")
    await using restored = await create({ from: snapshot })
    const read = "cat file ~/h; ls d; stat -c %U file; echo $A"
    assert.equal((await fork.exec(read)).stdout, "fork\nhome\nuser\n1\n")
    assert.equal((await origin.exec(read)).stdout, "origin\nhome\nonly-origin\nuser\n1\n")
    assert.equal((await restored.exec(read)).stdout, "shared\nhome\nonly-origin\nuser\n\n")
    await home.removeSnapshot(snapshot.id)
    await assert.rejects(create({ from: snapshot }), { code: "sandbox.not-found" })
    for (const sandbox of [origin, fork, restored]) await sandbox.destroy()
  })

  test(`${name} stats tell what it uses; one that sleeps is not woken for them`, async () => {
    await using sandbox = await create()
    const asleep = { memoryBytes: 0, cpuMs: null, processes: 0, diskBytes: null }
    assert.deepEqual([await sandbox.stats(), sandbox.status], [asleep, "stopped"])
    await sandbox.exec("head -c 3000000 /dev/urandom > file; sync; sleep 60 &")
    const { memoryBytes, processes, diskBytes } = await sandbox.stats()
    assert.ok((memoryBytes ?? 0) > 1 << 20 && (processes ?? 0) >= 2 && (diskBytes ?? 0) > 2_900_000)
    await sandbox.stop()
    assert.deepEqual(await sandbox.stats(), asleep)
  })

  test(`${name} env.set is there for later commands and after a stop`, async () => {
    const sandbox = await create({ id: "variables", env: { A: "1" } })
    await sandbox.env.set({ B: "2", A: null })
    assert.equal((await sandbox.exec("echo $A$B")).stdout, "2\n")
    await sandbox.stop()
    assert.equal((await sandbox.exec("echo $A$B")).stdout, "2\n")
    await sandbox.destroy()
  })

  test(
    `${name} a gigabyte is written and read as a stream`,
    { skip: process.env["MAYFLY_FULL"] === undefined },
    async () => {
      await using sandbox = await create()
      const piece = randomBytes(1 << 20)
      const expected = createHash("sha256")
      async function* pieces(): AsyncGenerator<Uint8Array> {
        for (let count = 0; count < 1_024; count++) {
          expected.update(piece)
          yield piece
        }
      }
      assert.equal(await sandbox.files.write("big", pieces()), 1 << 30)
      const found = createHash("sha256")
      for await (const chunk of await sandbox.files.readStream("big")) found.update(chunk)
      assert.equal(found.digest("hex"), expected.digest("hex"))
      await sandbox.destroy()
    },
  )
}
