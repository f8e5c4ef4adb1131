import assert from "node:assert/strict"
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, test } from "node:test"
import { type Finished, mayfly, startMayfly } from "./mayfly-process.ts"

const folder = mkdtempSync(join(tmpdir(), "mayfly-sandboxes-cli-"))
after(() => rmSync(folder, { recursive: true, force: true }))
const data = join(folder, "data")
const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, at) => at % 256))
writeFileSync(join(folder, "in.bin"), bytes)

function sandbox(name: string, args: readonly string[], input?: string): Promise<Finished> {
  return mayfly(["sandbox", name, "--data", data, ...args], { cwd: folder, ...(input === undefined ? {} : { input }) })
}

const ok = (stdout = ""): Finished => ({ code: 0, stdout, stderr: "" })

/** All commands, by themselves and through a server that owns the directory. */
async function useAll(id: string): Promise<void> {
  assert.deepEqual(await sandbox("create", [id, "--env", "WHO=me", "--memory", "512"]), ok(`${id}\n`))
  const list = await sandbox("ls", ["--json"])
  assert.ok(list.stdout.includes(`"id":"${id}"`), list.stdout)
  assert.deepEqual(await sandbox("exec", [id, "echo $WHO; echo err >&2; exit 3"]), { code: 3, stdout: "me\n", stderr: "err\n" }) // oxfmt-ignore
  assert.deepEqual(await sandbox("exec", ["--cwd", "/tmp", id, "printf", "%s|", "$WHO", "--json"]), ok("$WHO|--json|"))
  assert.deepEqual(await sandbox("exec", ["--stdin", id, "cat"], "from stdin"), ok("from stdin"))
  assert.equal((await sandbox("exec", ["--timeout", "100", id, "sleep 60"])).code, 124)
  assert.deepEqual(await sandbox("cp", ["in.bin", `${id}:deep/`]), ok())
  assert.deepEqual(await sandbox("exec", [id, "stat -c %s deep/in.bin"]), ok("300000\n"))
  assert.deepEqual(await sandbox("cp", [`${id}:/workspace/deep/in.bin`, "out.bin"]), ok())
  assert.ok(readFileSync(join(folder, "out.bin")).equals(bytes))
  assert.deepEqual(await sandbox("cp", ["-", `${id}:text`], "piped"), ok())
  assert.deepEqual(await sandbox("cp", [`${id}:text`, "-"]), ok("piped"))
  const missing = await sandbox("cp", [`${id}:missing`, "never.txt"])
  assert.deepEqual([missing.code, /sandbox\.file-not-found/.test(missing.stderr)], [1, true])
  const other = await sandbox("exec", ["--tenant", "other", id, "id"])
  assert.deepEqual([other.code, /sandbox\.not-found/.test(other.stderr)], [1, true])
  assert.deepEqual(await sandbox("fork", [id, `${id}-copy`]), ok(`${id}-copy\n`))
  assert.deepEqual(await sandbox("rm", [`${id}-copy`]), ok())
  assert.deepEqual(await sandbox("rm", [id]), ok())
  assert.equal((await sandbox("rm", [id])).code, 1)
}

test("mayfly sandbox works by itself, and files stay between commands", { timeout: 120_000 }, () => useAll("alone"))

test("mayfly sandbox works through the server that owns the directory", { timeout: 120_000 }, async () => {
  const server = startMayfly(["serve", "--port", "0", "--data", data])
  try {
    await server.output(/serving at/)
    await useAll("served")
  } finally {
    server.child.kill("SIGTERM")
    await server.finished
  }
})

test(
  "mayfly sandbox create --provider takes another provider, of those that a server offers",
  { timeout: 120_000 },
  async () => {
    assert.deepEqual(await sandbox("create", ["imitated", "--provider", "virtual"]), ok("imitated\n"))
    assert.deepEqual(await sandbox("exec", ["imitated", "echo kept > file; whoami"]), ok("user\n"))
    const server = startMayfly(["serve", "--port", "0", "--data", data, "--sandbox-provider", "bubblewrap"])
    try {
      await server.output(/serving at/)
      // What is there can be used; another one is the owner's choice.
      assert.deepEqual(await sandbox("exec", ["imitated", "cat file"]), ok("kept\n"))
      const refused = await sandbox("create", ["--provider", "virtual"])
      assert.deepEqual(
        [refused.code, /provider must be one that is offered here: bubblewrap/.test(refused.stderr)],
        [2, true],
      )
      assert.deepEqual(await sandbox("rm", ["imitated"]), ok())
    } finally {
      server.child.kill("SIGTERM")
      await server.finished
    }
  },
)

test("wrong options are refused in one line, and nothing is left of a failed copy", async () => {
  for (const args of [
    ["create", "--memory", "much"],
    ["create", "--env", "NAME"],
    ["exec", "--timeout", "1s", "a", "id"],
    ["cp", "in.bin", "out.bin"],
    ["cp", "no-such-file", "a:b"],
  ]) {
    const [name = "", ...rest] = args
    const { code, stderr } = await sandbox(name, rest)
    assert.deepEqual(
      [code, /^mayfly: input\.invalid: [^\n]+\n$/.test(stderr)],
      [2, true],
      `${args.join(" ")}: ${stderr}`,
    )
  }
  assert.deepEqual(readdirSync(folder).toSorted(), ["data", "in.bin", "out.bin"])
})
