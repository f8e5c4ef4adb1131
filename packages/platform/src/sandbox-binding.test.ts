import assert from "node:assert/strict"
import { after, test } from "node:test"
import { DynamicWorker } from "@mayfly/runtime"
import { createPlatform } from "./platform.ts"
import { sandboxBinding, type SandboxRights } from "./sandbox-binding.ts"

const platform = await createPlatform({ hosts: 1, spare: false })
after(() => platform.dispose())
const home = platform.sandboxes("default")
const sandbox = await home.create({ id: "bound" })
await sandbox.files.write("secret/key.txt", "key")
await sandbox.files.write("out/seen.txt", "seen")
await sandbox.files.write("outside.txt", "outside")
await sandbox.exec(`cd out && ln -s ../secret folder && ln -s /workspace/secret/key.txt file && ln -s /workspace/made.txt dangling \
  && ln -s seen.txt inside && mkdir deep && ln -s ../../secret deep/up`)

/** Each line of a guest's program, as what it gave or the code and errno of its error. */
async function attempt(rights: SandboxRights, lines: readonly string[]): Promise<readonly unknown[]> {
  const script = `const give = (work) => work().then((value) => value ?? null, (error) => error.code ?? error.message)
    return [${lines.map((line) => `await give(async () => env.BOX.${line})`).join(",\n")}]`
  const env = { BOX: sandboxBinding(sandbox, rights) }
  await using worker = await DynamicWorker.create({ platform, script, env })
  return (await worker.run()) as readonly unknown[]
}

const out = { prefix: "/workspace/out" }

test("a guest reads and writes a sandbox's files below its folder", async () => {
  const answers = await attempt({ ...out, files: "write" }, [
    `files.read("seen.txt", { encoding: "utf8" })`,
    `files.read("/workspace/out/inside", { encoding: "utf8" })`,
    `files.write("new/deep/text.txt", "text")`,
    `files.write("new/deep/text.txt", new Uint8Array([33]), { append: true })`,
    `files.rename("new/deep/text.txt", "renamed.txt")`,
    `files.remove("new", { recursive: true })`,
    `files.list("deep").then((all) => all.map((one) => [one.path, one.type]))`,
    `files.exists("new")`,
    `files.read("renamed.txt")`,
  ])
  assert.deepEqual(answers, [
    "seen",
    "seen",
    4,
    1,
    null,
    null,
    [["/workspace/out/deep/up", "symlink"]],
    false,
    new Uint8Array(Buffer.from("text!")),
  ])
  assert.equal(await sandbox.files.read("out/renamed.txt", { encoding: "utf8" }), "text!")
})

test("neither text nor links lead a guest out of its folder", async () => {
  const lines = [
    `files.read("../secret/key.txt")`,
    `files.read("deep/../../secret/key.txt")`,
    `files.read("/workspace/secret/key.txt")`,
    `files.read("/etc/passwd")`,
    `files.read("/workspace/outside.txt")`,
    `files.read("file")`,
    `files.read("folder/key.txt")`,
    `files.read("deep/up/key.txt")`,
    `files.list("folder")`,
    `files.stat("folder/key.txt")`,
    `files.exists("folder/key.txt")`,
    `files.write("file", "changed")`,
    `files.write("folder/new.txt", "made")`,
    `files.write("folder/new/er.txt", "made")`,
    `files.write("dangling", "made")`,
    `files.write("dangling", "made", { append: true })`,
    `files.mkdir("folder/made")`,
    `files.remove("folder/key.txt")`,
    `files.remove("/workspace/out", { recursive: true })`,
    `files.remove(".", { recursive: true })`,
    `files.rename("seen.txt", "../seen.txt")`,
    `files.rename("seen.txt", "folder/seen.txt")`,
    `files.rename("folder/key.txt", "key.txt")`,
  ]
  assert.deepEqual(
    await attempt({ ...out, files: "write" }, lines),
    lines.map(() => "sandbox.file"),
  )
  const all = await sandbox.exec("cat secret/key.txt; ls secret; ls made.txt out/seen.txt seen.txt")
  assert.equal(all.stdout, "keykey.txt\nout/seen.txt\n")
})

test("a folder that became a link holds nothing", async () => {
  await sandbox.exec("ln -s secret turned")
  const rights = { prefix: "/workspace/turned", files: "write" } as const
  assert.deepEqual(await attempt(rights, [`files.read("key.txt")`, `files.list()`]), ["sandbox.file", "sandbox.file"])
})

test("what was not given is denied", async () => {
  assert.deepEqual(
    await attempt({}, [`exec("id")`, `files.read("out/seen.txt")`, `files.list()`, `files.write("a", "b")`]),
    ["sandbox.denied", "sandbox.denied", "sandbox.denied", "sandbox.denied"],
  )
  assert.deepEqual(
    await attempt({ files: "read" }, [
      `exec("id")`,
      `files.read("outside.txt", { encoding: "utf8" })`,
      `files.write("outside.txt", "b")`,
      `files.mkdir("made")`,
      `files.remove("outside.txt")`,
      `files.rename("outside.txt", "b")`,
    ]),
    ["sandbox.denied", "outside", "sandbox.denied", "sandbox.denied", "sandbox.denied", "sandbox.denied"],
  )
})

test("a guest finds no way to the sandbox behind its binding", async () => {
  const lines = [`destroy()`, `stop()`, `files.watch()`, `files.within("/").read("/etc/passwd")`, `spawn("id")`]
  for (const answer of await attempt({ exec: true, files: "write" }, lines)) assert.equal(typeof answer, "string")
  assert.equal(await sandbox.files.exists("outside.txt"), true)
})

test("exec gives text, and is bounded by the owner's limits", async () => {
  const [answer, late, large, refused, env] = await attempt({ exec: true, maxExecMs: 200, maxBytes: 10 }, [
    `exec("cat; exit 3", { stdin: "hello" }).then(({ durationMs, ...rest }) => rest)`,
    `exec("sleep 60", { timeoutMs: 60000 }).then((end) => end.timedOut)`,
    `exec(["printf", "0123456789abcdef"]).then((end) => [end.stdout, end.truncated])`,
    `exec("true", { signal: 1 })`,
    `exec("true", { maxOutputBytes: 1e9 })`,
  ])
  assert.deepEqual(answer, {
    exitCode: 3,
    success: false,
    signal: null,
    stdout: "hello",
    stderr: "",
    timedOut: false,
    truncated: false,
  })
  assert.deepEqual([late, large, refused, env], [true, ["0123456789", true], "input.invalid", "input.invalid"])
})

test("files and calls beyond the owner's bounds are refused", async () => {
  const rights = { files: "write", maxBytes: 5, maxCalls: 1 } as const
  assert.deepEqual(
    await attempt(rights, [
      `files.write("a", "123456")`,
      `files.read("outside.txt")`,
      `files.write("a", { [Symbol.asyncIterator]: 1 })`,
      `files.read(["/etc/passwd"])`,
      `files.read("a\\0b")`,
      `files.list("x".repeat(5000))`,
    ]),
    [
      "sandbox.file-too-large",
      "sandbox.file-too-large",
      "input.invalid",
      "input.invalid",
      "input.invalid",
      "input.invalid",
    ],
  )
  const both = await attempt(rights, [
    `files.list().constructor && Promise.allSettled([env.BOX.files.list(), env.BOX.files.list()])
      .then((all) => all.map((one) => one.reason?.code ?? one.status))`,
  ])
  assert.ok(JSON.stringify(both).includes("sandbox.limit"), JSON.stringify(both))
})

test("a read of what has no end ends at the bound", { timeout: 30_000 }, async () => {
  assert.deepEqual(await attempt({ files: "read", prefix: "/dev", maxBytes: 10 }, [`files.read("zero")`]), [
    "sandbox.file-too-large",
  ])
})

test("rights that make no sense are refused when the binding is made", () => {
  for (const rights of [{ files: "all" }, { prefix: "out" }, { exec: 1 }, { maxBytes: 0 }, { network: true }])
    assert.throws(() => sandboxBinding(sandbox, rights as SandboxRights), { code: "input.invalid" })
})

test("another tenant's sandbox and snapshot are not there, and its ids are free", async () => {
  const other = platform.sandboxes("other")
  await assert.rejects(other.get("bound"), { code: "sandbox.not-found" })
  const snapshot = await sandbox.snapshot()
  await assert.rejects(other.create({ from: snapshot.id }), { code: "sandbox.not-found" })
  const stolen = { id: "mine", tenant: "default" }
  assert.equal((await other.create(stolen)).tenant, "other")
  const same = await other.create({ id: "bound" })
  await same.files.write("whose.txt", "other's")
  assert.equal(await other.open("bound"), same)
  assert.deepEqual((await same.exec("ls")).stdout, "whose.txt\n")
  assert.equal(await sandbox.files.exists("whose.txt"), false)
  const [mine, others] = await Promise.all([sandbox.expose(80), same.expose(80)])
  assert.notEqual(mine.token, others.token)
  await same.unexpose(80)
  assert.deepEqual(
    [await other.list(), await home.list()].map((list) => list.map(({ id }) => id)),
    [["bound", "mine"], ["bound"]],
  )
  assert.equal(await home.get("bound"), sandbox)
  await same.destroy()
  await assert.rejects(other.get("bound"), { code: "sandbox.not-found" })
  assert.equal(await sandbox.files.read("outside.txt", { encoding: "utf8" }), "outside")
  assert.equal(await platform.env.SANDBOX.get("bound"), sandbox)
})

test("a step of a workflow opens sandboxes of its tenant, with what earlier steps left", async () => {
  const workflow = await platform.workflows("other").create({
    steps: [
      {
        name: "write",
        run: async (ctx) => {
          const box = await ctx.sandbox("steps", { env: { WHO: "step" } })
          await box.files.write("a.txt", "from a step")
          return (await box.exec("echo $WHO", { signal: ctx.signal })).stdout
        },
      },
      { name: "read", run: async (ctx) => (await ctx.sandbox("steps")).files.read("a.txt", { encoding: "utf8" }) },
      {
        name: "steal",
        run: async (ctx) => (await ctx.sandbox("bound")).files.list().then((list) => list.length),
      },
    ],
  })
  assert.equal(await workflow.result(), 0)
  const { tenant } = await platform.env.SANDBOX.get("steps", { tenant: "other" })
  assert.deepEqual([tenant, (await workflow.status()).status], ["other", "complete"])
})
