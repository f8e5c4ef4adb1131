import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import { test } from "node:test"
import { asOrdinaryUser, reasonWithoutUser } from "./ordinary-user.fixture.ts"

const fixture = join(import.meta.dirname, "bubblewrap-user.fixture.ts")

test("all that sandboxes do, they do for an ordinary user too", { skip: reasonWithoutUser(fixture) }, async () => {
  const flags = ["--conditions=source", "--disable-warning=ExperimentalWarning", "--test-reporter=tap", fixture]
  const env = { PATH: process.env["PATH"], HOME: "/tmp" }
  const [command = "", ...args] = [...asOrdinaryUser, process.execPath, ...flags]
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], env })
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")])
  assert.equal(code, 0, stdout + stderr)
  assert.match(stdout, /# fail 0\n/)
  assert.match(stdout, /# pass (?:2[5-9]|3\d)\n/)
})
