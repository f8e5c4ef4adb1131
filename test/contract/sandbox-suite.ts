import assert from "node:assert/strict"
import { randomUUID } from "node:crypto"
import { test } from "node:test"
import type { Sandbox, SandboxOptions, SnapshotInfo } from "@mayfly/client"
import { codeOf } from "./subject.ts"

/** The suite of the sandboxes themselves says more. */
const skip = process.platform === "linux" ? false : "sandboxes need Linux"

type Create = (options: SandboxOptions) => Promise<Sandbox>

/** Sandboxes, as both the library and the client have them. */
export function sandboxSuite(create: Create): void {
  let box: Sandbox
  const it = (title: string, run: () => Promise<void>): void => void test(title, { skip }, run)
  const name = (): string => `box-${randomUUID()}`

  it("exec gives exit code and output; what fails is no exception", async () => {
    box = await create({ id: name() })
    const result = await box.exec("echo out; echo err >&2; cat; exit 3", { stdin: "in", env: { A: "1" } })
    const { exitCode, success, stdout, stderr, timedOut, truncated, signal } = result
    assert.deepEqual([exitCode, success, stdout, stderr], [3, false, "out\nin", "err\n"])
    assert.deepEqual([timedOut, truncated, signal], [false, false, null])
    assert.equal((await box.exec(["printf", "%s", "a b"])).stdout, "a b")
    const seen: string[] = []
    const told = await box.exec("echo one; echo two >&2", {
      onOutput: ({ stream, text }) => seen.push(`${stream}:${text}`),
    })
    assert.deepEqual([seen.toSorted(), told.stdout], [["stderr:two\n", "stdout:one\n"], "one\n"])
    assert.equal((await box.exec("sleep 60", { timeoutMs: 100 })).timedOut, true)
  })

  it("files are binary safe, and streamed", async () => {
    const bytes = new Uint8Array(300_000).map((_, index) => index % 251)
    assert.equal(await box.files.write("a/b c.bin", bytes), bytes.length)
    assert.deepEqual(await box.files.read("a/b c.bin"), bytes)
    assert.deepEqual(
      new Uint8Array(await new Response(await box.files.readStream("/workspace/a/b c.bin")).arrayBuffer()),
      bytes,
    )
    await box.files.write("a/t.txt", "hällo")
    assert.equal(await box.files.read("a/t.txt", { encoding: "utf8" }), "hällo")
    await box.files.rename("a/t.txt", "a/u.txt")
    assert.deepEqual((await box.files.list("a")).map(({ path }) => path).toSorted(), [
      "/workspace/a/b c.bin",
      "/workspace/a/u.txt",
    ])
    assert.equal((await box.files.stat("a/u.txt")).size, 6)
    assert.deepEqual([await box.files.exists("a/u.txt"), await box.files.exists("a/t.txt")], [true, false])
    await box.files.remove("a", { recursive: true })
    assert.deepEqual(await codeOf(box.files.read("a/u.txt")), { code: "sandbox.file-not-found" })
  })

  it("processes, shells and cells of code keep their state", async () => {
    const process = await box.spawn("echo ready; read line; echo got $line; exit 4")
    assert.equal(await process.waitForLog("ready"), "ready")
    await process.write("x\n")
    assert.equal(await process.waitForLog(/^got/), "got x")
    assert.equal((await process.waitForExit()).exitCode, 4)
    assert.equal((await process.output()).stdout, "ready\ngot x\n")
    const shell = await box.shell()
    await shell.exec("cd /tmp; X=5")
    const { stdout, cwd } = await shell.exec("echo $X")
    assert.deepEqual([stdout, cwd, shell.cwd], ["5\n", "/tmp", "/tmp"])
    await shell.close()
    await box.runCode("python", "n = 20")
    const { results, error } = await box.runCode("python", "print('hi'); n + 1")
    assert.deepEqual([results[0]?.text, error], ["21", null])
  })

  it("a snapshot and a fork begin with the files, and go their own ways", async () => {
    await box.files.write("kept.txt", "1")
    const snapshot: SnapshotInfo = await box.snapshot()
    await box.files.write("kept.txt", "2")
    const restored = await create({ id: name(), from: snapshot })
    const fork = await box.fork()
    await fork.files.write("kept.txt", "3")
    const texts = [restored, box, fork].map((one) => one.files.read("kept.txt", { encoding: "utf8" }))
    assert.deepEqual(await Promise.all(texts), ["1", "2", "3"])
    await box.stop()
    assert.equal(await box.files.read("kept.txt", { encoding: "utf8" }), "2")
    await Promise.all([restored.destroy(), fork.destroy(), box.destroy()])
    // A handle knows that its sandbox was destroyed; to a server there is none any more.
    const { code } = (await codeOf(fork.exec("true"))) as { code: string }
    assert.match(code, /^sandbox\.(?:destroyed|not-found)$/)
  })
}
