import assert from "node:assert/strict"
import { lstatSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { PtyProcess } from "./pty-process.ts"
import { data, folder, key, local, run, url } from "./sandbox-commands.ts"

/** Terminals, copies of folders. */

test("sh is a true terminal: size, resize, Ctrl-C, leave and come back, exit code, terminal restored", async () => {
  const first = new PtyProcess(["sandbox", "sh", "--data", data, "--cwd", "/tmp", "box"], { cols: 91, rows: 31 })
  await first.until(/\$ $/)
  first.type("stty size; pwd\r")
  await first.until(/31 91\s+\/tmp/)
  await first.resize(101, 41)
  first.type("until [ \"$(stty size)\" = '41 101' ]; do sleep 0.05; done; echo re''sized\r")
  await first.until(/resized/)
  // A process of its own hears the interrupt, whenever it comes; bash itself might not.
  first.type("bash -c 'echo be''gan; sleep 1000'\r")
  await first.until(/began/)
  first.type("\x03")
  await first.until(/began[^]*\^C[^]*\$ $/)
  first.type("echo co''de $?\r")
  await first.until(/code 130/)
  first.type("printf '\\033[?1049h\\033[?25l'; stty -echo; KEPT=kept\r")
  first.type("echo al''ternate\r")
  await first.until(/alternate/)
  first.type("\x1d")
  const [, terminal = ""] = await first.until(/come back with: mayfly sandbox sh --terminal (t-[0-9a-f]+) box/)
  const left = await first.ended
  assert.equal(left.exitCode, 0)
  assert.match(left.settings, /(?<!-)icanon.*(?<!-)\becho\b/)
  assert.ok(first.shown.includes("\x1b[?1049l") && first.shown.includes("\x1b[?25h"))

  const second = new PtyProcess(["sandbox", "sh", "--terminal", terminal, "box"], {
    env: { MAYFLY_URL: url, MAYFLY_KEY: key },
    cwd: folder,
  })
  await second.until(/resized[^]*alternate/)
  second.type("echo $KEPT; exit 7\r")
  const end = await second.ended
  assert.match(second.shown, /kept/)
  assert.equal(end.exitCode, 7)
  assert.match(end.settings, /(?<!-)icanon.*(?<!-)\becho\b/)
})

test("sh works on a terminal without a size, and leaves it as it was when it is killed", async () => {
  const killed = new PtyProcess(["sandbox", "sh", "--data", data, "box", "echo up; sleep 1000 # victim"], {
    cols: 0,
    rows: 0,
  })
  await killed.until(/up/)
  process.kill(killed.pidOf("# victim"), "SIGTERM")
  assert.match((await killed.ended).settings, /(?<!-)icanon.*(?<!-)\becho\b/)
})

test("folders are copied in and out; what a sandbox packs stays in the folder", async () => {
  const from = join(folder, "project")
  mkdirSync(join(from, "src/deep"), { recursive: true })
  writeFileSync(join(from, "src/deep/code.txt"), "code")
  writeFileSync(join(from, "run.sh"), "#!/bin/sh\necho ran\n", { mode: 0o755 })
  symlinkSync("src/deep/code.txt", join(from, "link"))
  const copied = JSON.parse((await local("cp", "--json", from, "box:/workspace/new")).stdout) as { to: string }
  assert.equal(copied.to, "box:/workspace/new")
  assert.equal(await run("cd new && cat link && ./run.sh"), "coderan\n")
  // Into what is a folder, by its name.
  assert.equal((await local("cp", from, "box:new")).code, 0)
  assert.equal(await run("cat new/project/src/deep/code.txt"), "code")
  await run("cd new && ln -s /etc/passwd out && ln -s ../../.. up && mkfifo pipe && ln run.sh hard")
  const out = join(folder, "back")
  const back = await local("cp", "box:new", out)
  assert.equal(back.code, 0)
  assert.match(back.stderr, /left out: (?:out|up|pipe) /)
  assert.equal(readFileSync(join(out, "link"), "utf8"), "code")
  assert.equal(readFileSync(join(out, "hard"), "utf8"), "#!/bin/sh\necho ran\n")
  assert.equal(lstatSync(join(out, "run.sh")).mode & 0o111, 0o111)
  for (const name of ["out", "up", "pipe"]) assert.throws(() => lstatSync(join(out, name)), { code: "ENOENT" })
  // Into what is a folder, by its name; not over what is there.
  const again = await local("cp", "box:new/src", out)
  assert.deepEqual([again.code, /input\.invalid: TO can't be/.test(again.stderr)], [2, true])
  const large = await local("cp", "--max-mb", "0", "box:new", join(folder, "small"))
  assert.deepEqual([large.code, /sandbox\.file/.test(large.stderr)], [1, true])
  assert.throws(() => lstatSync(join(folder, "small")), { code: "ENOENT" })
})
