import assert from "node:assert/strict"
import { test } from "node:test"
import { described, needsCheck } from "./sandbox-checks.ts"

test("needsCheck names each program that is missing, what it is for and how to get it", () => {
  const missing = [
    { program: "ip", purpose: "the way out", debianPackage: "iproute2", isRequired: true },
    { program: "mkfs.ext4", purpose: "a hard limit on disks", debianPackage: "e2fsprogs", isRequired: false },
  ]
  assert.deepEqual(needsCheck(missing), {
    name: "programs",
    isRequired: false,
    status: "missing",
    detail: "not installed: ip (the way out), mkfs.ext4 (a hard limit on disks)",
    fix: "`apt-get install iproute2 e2fsprogs`",
  })
  assert.equal(needsCheck([]).status, "ok")
})

test("described tells of each limit that the kernel does not hold, and why", () => {
  const limits = { memoryMb: "watchdog", cpus: "none", processes: "hard", diskMb: "hard", wallMs: "hard" } as const
  const report = { provider: "bubblewrap", limits, notes: ["no control group can be made here"] }
  assert.equal(described(report), "bubblewrap, memoryMb: watchdog, cpus: none (no control group can be made here)")
  assert.equal(
    described({ ...report, limits: { ...limits, memoryMb: "hard", cpus: "hard" } }),
    "bubblewrap, all limits hard",
  )
})
