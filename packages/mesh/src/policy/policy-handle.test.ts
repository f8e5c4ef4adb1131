import assert from "node:assert/strict"
import { test } from "node:test"
import { PolicyHandle, type PolicyChange } from "./policy-handle.ts"
import { policyHash } from "./policy-hash.ts"
import { readPolicy } from "./read-policy.ts"

const a = { allowedOrigins: ["https://a.example"] }
const b = { allowedOrigins: ["https://b.example"] }

test("PolicyHandle changes as a whole, after its audit, in order", async () => {
  const changes: PolicyChange[] = []
  let release = (): void => {}
  const slow = new Promise<void>((resolve) => (release = resolve))
  const handle = new PolicyHandle(a, {
    audit: async (change) => {
      changes.push(change)
      await slow
    },
  })
  const first = handle.replace(b, { reason: "moved" })
  const second = handle.narrow({ deniedOrigins: ["https://b.example"] })
  await Promise.resolve()
  assert.deepEqual(handle.allowedOrigins, ["https://a.example"])
  release()
  await Promise.all([first, second])
  assert.deepEqual(handle.policy, { defaultPolicy: "deny", ...b, deniedOrigins: ["https://b.example"] })
  assert.deepEqual([handle.defaultPolicy, handle.deniedOrigins], ["deny", ["https://b.example"]])
  assert.deepEqual(
    changes.map(({ from, to, reason }) => [from, to, reason]),
    [
      [policyHash(a), policyHash(b), "moved"],
      [policyHash(b), handle.hash, null],
    ],
  )
})

test("PolicyHandle stays as it was when the audit fails or the policy is none, and goes on afterwards", async () => {
  let fails = true
  const handle = new PolicyHandle(a, {
    audit: () => {
      if (fails) throw new Error("disk full")
    },
  })
  await assert.rejects(handle.replace(b), /disk full/)
  assert.equal(handle.hash, policyHash(a))
  fails = false
  await assert.rejects(handle.replace({ allowedOrigins: ["*"] }), { code: "input.invalid" })
  await handle.replace(b)
  assert.equal(handle.hash, policyHash(b))
  assert.throws(() => new PolicyHandle({ allowedOrigins: ["nonsense"] }), { code: "input.invalid" })
})

test("readPolicy follows a handle, keeps what cannot change, and reads anew what can", async () => {
  const handle = new PolicyHandle(a)
  const before = readPolicy(handle)
  await handle.replace(b)
  assert.notEqual(readPolicy(handle), before)

  const loose: { allowedOrigins: string[] } = { allowedOrigins: ["https://a.example"] }
  assert.equal(readPolicy(loose).rules.length, 1)
  loose.allowedOrigins.pop()
  assert.equal(readPolicy(loose).rules.length, 0)
  const shallow = Object.freeze({ allowedOrigins: ["https://a.example"] })
  assert.equal(readPolicy(shallow).rules.length, 1)
  shallow.allowedOrigins.pop()
  assert.equal(readPolicy(shallow).rules.length, 0)

  const frozen = Object.freeze({ allowedOrigins: Object.freeze(["https://a.example"]) })
  assert.equal(readPolicy(frozen), readPolicy(frozen))
})
