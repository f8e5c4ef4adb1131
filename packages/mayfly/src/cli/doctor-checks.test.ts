import assert from "node:assert/strict"
import { test } from "node:test"
import { jailCheck, nodeCheck } from "./doctor-checks.ts"

test("jailCheck says what is missing and how to get it; programs run without", () => {
  for (const [missing, fix] of [
    ["bubblewrap is not installed (Debian package bubblewrap)", /apt-get install bubblewrap/],
    ["bubblewrap can't make namespaces here: no", /user namespaces/],
    ["no jail is known for darwin", /Linux/],
  ] as const) {
    const check = jailCheck({ kind: "permission", missing })
    assert.deepEqual([check.status, check.isRequired], ["missing", false])
    assert.match(check.fix ?? "", fix)
  }
  assert.equal(jailCheck({ kind: "bubblewrap+seccomp", missing: undefined }).status, "ok")
})

test("nodeCheck wants Node 24", () => {
  assert.equal(nodeCheck("v24.0.0").status, "ok")
  assert.equal(nodeCheck("v22.9.1").status, "missing")
})
