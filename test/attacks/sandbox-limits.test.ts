import assert from "node:assert/strict"
import { test } from "node:test"
import { attacked, python } from "./sandbox-attack.ts"

test("a fork bomb ends at the limit, and at its time; the sandbox lives", async () => {
  await using sandbox = await attacked({ limits: { processes: 60 } })
  const count = `import os, time
n = 0
try:
    while n < 1000:
        if os.fork() == 0: time.sleep(60); os._exit(0)
        n += 1
except OSError as e: print(e.errno)
print("many" if n > 30 else "few", "bounded" if n < 120 else "unbounded"); import signal; os.killpg(0, signal.SIGKILL)`
  const { stdout } = await sandbox.exec(["python3", "-u", "-c", count])
  assert.equal(stdout, "11\nmany bounded\n")
  const bomb = await sandbox.exec("f() { f | f & }; f; wait", { timeoutMs: 1_500, maxOutputBytes: 1_000 })
  assert.equal(bomb.exitCode === 0 || bomb.timedOut, true)
  // A bomb without a parent outlives its call; the sandbox's end is what ends it for sure.
  await sandbox.stop()
  assert.equal((await sandbox.exec("echo lives")).stdout, "lives\n")
})

test("memory ends at the limit, however it is held, and the sandbox lives", async () => {
  await using sandbox = await attacked({ limits: { memoryMb: 256 } })
  const hog = "a = []\nfor i in range(100): a.append(b'x' * (16 << 20))\nprint('held')"
  const many = `import os, time
for i in range(8):
    if os.fork() == 0:
        a = b'x' * (100 << 20); time.sleep(1); os.write(1, b'held\\n'); os._exit(0)
for i in range(8): os.wait()`
  const shared = "import mmap\nm = mmap.mmap(-1, 1 << 30)\nfor i in range(0, 1 << 30, 4096): m[i] = 1\nprint('held')"
  assert.ok(!(await python(sandbox, hog)).includes("held"))
  assert.ok((await python(sandbox, many)).split("held").length - 1 < 8)
  assert.ok(!(await python(sandbox, shared)).includes("held"))
  assert.equal((await sandbox.exec("echo lives")).stdout, "lives\n")
})

test("disks end at their size, files that were there stay whole, and what was full can be used again", async () => {
  await using sandbox = await attacked({ limits: { diskMb: 32, memoryMb: 256 } })
  await sandbox.files.write("kept", "kept")
  const fill = await sandbox.exec(
    "head -c 100M /dev/zero > big; head -c 200M /dev/zero > /tmp/big; head -c 100M /dev/zero > /dev/shm/big; du -k /tmp/big /dev/shm/big big",
  )
  const sizes = fill.stdout.split("\n").map((line) => Number(line.split("\t")[0]))
  assert.ok(
    (sizes[0] ?? 0) <= 128 * 1_024 && (sizes[1] ?? 0) <= 64 * 1_024 && (sizes[2] ?? 0) <= 32 * 1_024,
    fill.stdout,
  )
  await sandbox.exec("rm -f /tmp/big /dev/shm/big")
  await assert.rejects(sandbox.files.write("kept", new Uint8Array(8 << 20)), { code: "sandbox.disk-full" })
  assert.equal(await sandbox.files.read("kept", { encoding: "utf8" }), "kept")
  await sandbox.files.remove("big")
  assert.deepEqual(
    (await sandbox.files.list()).map(({ path }) => path),
    ["/workspace/kept"],
  )
  await python(
    sandbox,
    "import os\nn = 0\ntry:\n  while n < 50000: open('/workspace/f%d' % n, 'w').close(); n += 1\nexcept OSError: pass",
  )
  await sandbox.exec("find . -name 'f*' -delete")
  assert.equal(await sandbox.files.write("after", "x"), 1)
})

test("a gigabyte of output is carried through without being kept", async () => {
  await using sandbox = await attacked()
  const before = process.memoryUsage().rss
  const { truncated, stdoutBytes, exitCode } = await sandbox.exec("head -c 1G /dev/zero", { maxOutputBytes: 1_000 })
  assert.deepEqual([truncated, stdoutBytes.length, exitCode], [true, 1_000, 0])
  assert.ok(process.memoryUsage().rss - before < 300 << 20)
})

test("time ends for the whole sandbox at its limit, whatever ignores signals", async () => {
  await using sandbox = await attacked({ limits: { wallMs: 1_500 } })
  await assert.rejects(sandbox.exec("trap '' TERM INT HUP QUIT; while :; do sleep 1000; done"), {
    code: "sandbox.limit",
    details: { limit: "wallMs" },
  })
  assert.equal((await sandbox.exec("echo again")).stdout, "again\n")
})

test("a process that ignores SIGTERM is killed after its grace", async () => {
  await using sandbox = await attacked()
  const process = await sandbox.spawn("trap '' TERM; echo ready; while :; do sleep 0.1; done")
  await process.waitForLog("ready")
  await process.kill("SIGTERM", { graceMs: 100 })
  assert.deepEqual([process.status, process.exitCode], ["killed", 137])
})

test("CPU is shared out", async () => {
  await using sandbox = await attacked({ limits: { cpus: 0.2 } })
  const spun = await python(
    sandbox,
    "import time\nw = time.monotonic(); c = time.process_time()\nwhile time.process_time() - c < 0.4: pass\nprint(time.monotonic() - w > 1.2)",
  )
  assert.equal(spun, "True\n")
})
