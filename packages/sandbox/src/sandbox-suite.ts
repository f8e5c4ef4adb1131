import assert from "node:assert/strict"
import { createHash, randomBytes } from "node:crypto"
import { after, test } from "node:test"
import type { MayflyError, ProviderAbility } from "@mayfly/protocol"
import { openStore } from "@mayfly/store"
import { Sandbox } from "./sandbox.ts"
import type { SandboxOptions, SandboxPlatform } from "./sandbox-options.ts"
import { Sandboxes, type SandboxesOptions } from "./sandboxes.ts"

export interface SuiteOptions extends Omit<SandboxesOptions, "store"> {
  /** Whether real processes run there; what they do is in `processSuite` then, in depth, and not here. */
  readonly hasProcesses?: boolean
}

/** What every provider of sandboxes must do, seen through the public API. */
export function sandboxSuite(name: string, { hasProcesses = true, ...options }: SuiteOptions): void {
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
    await sandbox.files.write("bytes", Uint8Array.of(0xff, 0, 0x61))
    const { stdout, stdoutBytes } = await sandbox.exec("cat bytes")
    assert.deepEqual([...stdoutBytes], [0xff, 0, 0x61])
    assert.deepEqual([...(await sandbox.exec("cat", { stdin: stdoutBytes })).stdoutBytes], [0xff, 0, 0x61])
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
      [{ provider: "podman" }, /provider must be one of bubblewrap, docker, virtual/],
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
    await sandbox.exec("mkdir -p d && seq 1000 > d/numbers")
    if (hasProcesses) await sandbox.exec("ln -s d/numbers link")
    const sum = "find . -type f -exec sha256sum {} + | sort"
    const before = await sandbox.exec(sum)
    while (sandbox.status !== "stopped") await new Promise((resolve) => setImmediate(resolve))
    assert.equal((await sandbox.exec(sum)).stdout, before.stdout)
    await sandbox.stop()
    await sandbox.stop()
    assert.equal(sandbox.status, "stopped")
    if (hasProcesses) assert.equal((await sandbox.exec("readlink link")).stdout, "d/numbers\n")
    await sandbox.destroy()
  })

  test(`${name} calls that come while it goes to sleep or stops find it awake`, async () => {
    await using sandbox = await create({ sleepAfter: 10 })
    for (let round = 0; round < (hasProcesses ? 12 : 4); round++) {
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
    await sandbox.files.write("file", new Uint8Array(randomBytes(3_000_000)))
    await sandbox.exec(hasProcesses ? "sync; sleep 60 &" : "true")
    const { memoryBytes, processes, diskBytes } = await sandbox.stats()
    assert.ok(
      (memoryBytes ?? 0) > 1 << 20 && (processes ?? 0) >= (hasProcesses ? 2 : 0) && (diskBytes ?? 0) > 2_900_000,
    )
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

  if (!hasProcesses) imitationTests(name, create)

  test(`${name} changes of files are watched`, async () => {
    await using sandbox = await create()
    await sandbox.files.mkdir("w/deep")
    const seen: string[] = []
    const abort = new AbortController()
    let isOver = false
    const events = (async () => {
      for await (const { type, path } of sandbox.files.watch("w", { signal: abort.signal })) {
        seen.push(`${type} ${path}`)
        if (path.endsWith("last") && type === "delete") return
      }
    })()
    const over = (): void => void (isOver = true)
    events.then(over, over)
    while (!isOver) {
      await sandbox.exec("touch w/deep/first; echo x >> w/last; rm w/last")
      await new Promise((resolve) => setImmediate(resolve))
    }
    assert.ok(seen.includes("create /workspace/w/deep/first") || seen.includes("modify /workspace/w/deep/first"))
    abort.abort()
  })

  test(`${name} an archive goes out and into another sandbox`, async () => {
    await using origin = await create()
    await origin.files.write("d/r", randomBytes(300_000))
    await origin.exec("echo x > d/x; chmod 755 d/x; sha256sum d/r > sum; echo home > ~/h")
    if (hasProcesses) await origin.exec("ln -s x d/l")
    const archive = Buffer.from(await new Response(await origin.export()).arrayBuffer())
    await using target = await create()
    await target.import(archive)
    const found = await target.exec("sha256sum -c sum; cat ~/h")
    assert.equal(found.stdout, "d/r: OK\nhome\n")
    if (hasProcesses) assert.equal((await target.files.stat("d/x")).mode, 0o755)
    if (hasProcesses) assert.equal((await target.files.stat("d/l")).target, "x")
    await assert.rejects(target.import(Buffer.from("no archive at all")), { code: "input.invalid" })
  })

  test(`${name} tells how well each limit holds; what it can't do is sandbox.unsupported`, async () => {
    await using sandbox = await create()
    const { provider, isolation, limits, unsupported } = (await sandbox.info()).provider
    assert.ok(["namespaces", "container", "in-process"].includes(isolation))
    assert.equal(unsupported.length > 0, isolation === "in-process", `${provider} lacks ${unsupported.join()}`)
    assert.deepEqual(Object.keys(limits).sort(), ["cpus", "diskMb", "memoryMb", "processes", "wallMs"])
    for (const enforcement of Object.values(limits)) assert.ok(["hard", "watchdog", "none"].includes(enforcement))
    const tries: Readonly<Record<ProviderAbility, () => Promise<unknown>>> = {
      programs: () => sandbox.exec(["git", "--version"]),
      terminals: () => sandbox.terminal(),
      ports: async () => (await sandbox.spawn("sleep 1000")).waitForPort(4_000, { timeoutMs: 10_000 }),
      code: () => sandbox.runCode("python", "1"),
      "stdin of processes": async () => (await sandbox.spawn("sleep 1000")).write("x"),
      network: () => create({ network: { allowedOrigins: ["https://api.example.com"] } }),
    }
    for (const ability of unsupported) await assert.rejects(tries[ability](), { code: "sandbox.unsupported" }, ability)
  })

  test(`${name} a wall limit ends it, and says so; its files stay`, async () => {
    const sandbox = await create({ limits: { wallMs: 500 } })
    await sandbox.files.write("kept", "x")
    await assert.rejects(sandbox.exec("sleep 1000"), { code: "sandbox.limit", details: { limit: "wallMs" } })
    assert.equal(await sandbox.files.read("kept", { encoding: "utf8" }), "x")
    await sandbox.destroy()
  })

  test(`${name} a snapshot is its provider's`, async () => {
    await using sandbox = await create()
    const snapshot = await sandbox.snapshot()
    const { provider } = (await sandbox.info()).provider
    assert.equal(snapshot.provider, provider)
    const other = provider === "virtual" ? "bubblewrap" : "virtual"
    await assert.rejects(create({ from: snapshot, provider: other }), { code: "input.invalid" })
    await home.removeSnapshot(snapshot.id)
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

/** What also holds where processes are imitated. */
function imitationTests(name: string, create: (more?: SandboxOptions) => Promise<Sandbox>): void {
  test(`${name} a timeout ends a loop, an abort a wait; other commands go on`, async () => {
    await using sandbox = await create()
    const loop = sandbox.exec("i=0; while [ $i -lt 9 ]; do sleep 0.05; i=0; done", { timeoutMs: 300 })
    const abort = new AbortController()
    const wait = sandbox.exec("sleep 1000", { signal: abort.signal })
    assert.equal((await sandbox.exec("echo beside")).stdout, "beside\n")
    abort.abort()
    await assert.rejects(wait, { code: "sandbox.aborted" })
    const { exitCode, timedOut } = await loop
    assert.deepEqual([exitCode, timedOut], [124, true])
    assert.equal((await sandbox.exec("echo after")).stdout, "after\n")
  })

  test(`${name} output past the cap is thrown away, and that is said`, async () => {
    await using sandbox = await create()
    await sandbox.files.write("big", Buffer.alloc(300_000, "x"))
    const { stdoutBytes, truncated } = await sandbox.exec("cat big", { maxOutputBytes: 1_000 })
    assert.deepEqual([Buffer.from(stdoutBytes).toString(), truncated], ["x".repeat(1_000), true])
  })

  test(`${name} a shell keeps folder, variables and functions, and tells when it ends`, async () => {
    await using sandbox = await create()
    const shell = await sandbox.shell({ env: { START: "s" } })
    await shell.exec(
      "mkdir -p a/b; cd a/b; X=$'1\\n2'; export Y='$y'; f() { if true; then echo f$1; fi; }; l=(a 'b c')",
    )
    const { stdout, exitCode, cwd } = await shell.exec('echo "$START $X $Y ${l[1]}"; f 9; pwd; false')
    assert.deepEqual([stdout, exitCode, cwd], ["s 1\n2 $y b c\nf9\n/workspace/a/b\n", 1, "/workspace/a/b"])
    assert.notEqual((await shell.exec("if then")).exitCode, 0)
    await shell.exec("unset X; unset -f f")
    const gone = await shell.exec("echo [$X]; f")
    assert.deepEqual([gone.stdout, gone.exitCode], ["[]\n", 127])
    assert.equal((await shell.exec("cat <<E\nheredoc $Y\nE")).stdout, "heredoc $y\n")
    const late = await shell.exec("sleep 1000", { timeoutMs: 200 })
    assert.deepEqual([late.timedOut, late.exitCode], [true, 124])
    assert.equal((await shell.exec("echo $Y")).stdout, "$y\n")
    const end = await shell.exec("exit 5")
    assert.deepEqual([end.exitCode, end.ended], [5, true])
    await assert.rejects(shell.exec("true"), { code: "sandbox.exited" })
  })

  test(`${name} a process in the background tells its logs and its end`, async () => {
    await using sandbox = await create()
    const process = await sandbox.spawn("echo one; echo two >&2; exit 3")
    assert.equal(await process.waitForLog("one"), "one")
    assert.deepEqual(await process.waitForExit(), { exitCode: 3, signal: null, timedOut: false })
    const { stdout, stderr } = await process.output()
    assert.deepEqual([stdout, stderr], ["one\n", "two\n"])
    const endless = await sandbox.spawn("sleep 1000")
    await endless.kill()
    assert.equal(endless.status, "killed")
  })
}
