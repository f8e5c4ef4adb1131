import assert from "node:assert/strict"
import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import { test } from "node:test"

const fixture = join(import.meta.dirname, "bubblewrap-user.fixture.ts")
/** Gives up being root; before that, a /dev/null that ordinary users can use, where the machine's is not. */
const script = `set -e
mount -t tmpfs -o mode=755 none /mnt
mknod -m 666 /mnt/null c 1 3
mount --bind /mnt/null /dev/null
exec setpriv --reuid 54321 --regid 54321 --clear-groups "$@"`

function asUser(args: readonly string[]): readonly string[] {
  return ["--mount", "sh", "-c", script, "sh", process.execPath, ...args]
}

function reasonToSkip(): string | false {
  if (process.getuid?.() !== 0) return "this process is an ordinary user's, so the other tests have done it"
  const program = `require("fs").readFileSync(${JSON.stringify(fixture)})`
  const tried = spawnSync("unshare", asUser(["-e", program]), { encoding: "utf8" })
  return tried.status === 0 ? false : `an ordinary user can't read this checkout here: ${tried.stderr.slice(0, 200)}`
}

test("all that sandboxes do, they do for an ordinary user too", { skip: reasonToSkip() }, async () => {
  const flags = ["--conditions=source", "--disable-warning=ExperimentalWarning", "--test-reporter=tap", fixture]
  const env = { PATH: process.env["PATH"], HOME: "/tmp" }
  const child = spawn("unshare", asUser(flags), { stdio: ["ignore", "pipe", "pipe"], env })
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")])
  assert.equal(code, 0, stdout + stderr)
  assert.match(stdout, /# fail 0\n/)
  assert.match(stdout, /# pass (?:2[5-9]|3\d)\n/)
})
