import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { test } from "node:test"
import { attacked } from "./sandbox-attack.ts"

const hosts = readFileSync("/etc/passwd", "utf8").split("\n")[0] ?? ""

test("no command of a virtual sandbox reads or writes a file of the machine's", async () => {
  await using sandbox = await attacked({ provider: "virtual" })
  const tries = [
    "cat /etc/passwd",
    "cat ../../../../../../../../etc/passwd",
    "cat /proc/1/environ /proc/self/environ /proc/self/root/etc/passwd /dev/fd/3",
    "ln -s /etc/passwd link; cat link",
    "ln -s ../../../../../../../../etc link; cat link/passwd",
    "ln /etc/passwd hard; cat hard",
    "awk 'BEGIN { while ((getline line < \"/etc/passwd\") > 0) print line }'",
    "awk 'BEGIN { system(\"cat /etc/passwd\") }'",
    "sqlite3 :memory: \"select readfile('/etc/passwd')\"; sqlite3 /etc/passwd .dump; sqlite3 :memory: \"attach '/etc/passwd' as p\"",
    "tar -cf - -C ../../../../../../.. etc/passwd",
    "cp -r /etc/passwd . ; cat passwd; find / -name shadow -exec cat {} +",
    "curl -sS file:///etc/passwd",
    "sed -n 'r /etc/passwd' /dev/null; sed -n '1{r /etc/passwd\n}' <<< x",
    'js-exec -c \'console.log(require("fs").readFileSync("/etc/passwd", "utf8"))\'; python3 -c \'print(open("/etc/passwd").read())\'',
    "source /etc/passwd; . /etc/hostname; x=$(< /etc/passwd); echo $x",
    "xargs -a /etc/passwd echo; diff /etc/passwd /dev/null; jq -R . /etc/passwd",
  ]
  for (const command of tries) {
    const { stdout, stderr } = await sandbox.exec(command, { timeoutMs: 20_000 })
    assert.ok(!(stdout + stderr).includes(hosts), command)
    assert.ok(
      !/mayfly-sandboxes|boxes\/sb-/.test(stdout + stderr),
      `${command} shows a path of the machine's: ${stderr}`,
    )
  }
  await sandbox.destroy()
})

test("file calls of a virtual sandbox stay in its folders", async () => {
  await using sandbox = await attacked({ provider: "virtual" })
  for (const path of ["/etc/passwd", "../../../../etc/passwd", "/proc/self/environ", "/workspace/../etc/passwd"])
    await assert.rejects(sandbox.files.read(path), { code: "sandbox.file-not-found" }, path)
  for (const path of ["/x", "/etc/x", "/home/x", "/home/user/../x"])
    await assert.rejects(sandbox.files.write(path, "x"), { code: "sandbox.file" }, path)
  for (const path of ["/", "/workspace", "/home", "/tmp"])
    await assert.rejects(sandbox.files.remove(path, { recursive: true }), { code: "sandbox.file" }, path)
  const part = sandbox.files.within("/workspace/part")
  await sandbox.files.write("secret", "x")
  await sandbox.files.mkdir("part")
  await assert.rejects(part.read("../secret"), { code: "sandbox.file" })
  await sandbox.destroy()
})

test("loops, memory, output and recursion of virtual commands end, and neither the sandbox nor this process with them", async () => {
  await using sandbox = await attacked({ provider: "virtual", limits: { memoryMb: 256 } })
  await sandbox.files.write("kept", "kept")
  const hogs = [
    "while :; do :; done",
    "a=(); while :; do a+=(xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx); done",
    "x=xxxxxxxxxxxxxxxx; while :; do x=$x$x; done",
    "f() { f; f; }; f",
    "f() { f | f & }; f; wait",
    "echo {1..1000000000}",
    "awk 'BEGIN { while (1) s = s \"xxxxxxxxxxxxxxxx\" }'",
    "jq -n '[range(1e12)]'",
    "sqlite3 :memory: 'with recursive c(x) as (select 1 union all select x+1 from c) select count(*) from c'",
    "yes x | head -c 1000000000; seq 1000000000; printf '%1000000000d' 1",
    "echo aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa! | grep -E '^(a+)+$'",
    "[[ aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa! =~ ^(a+)+$ ]]",
    "trap '' TERM INT; sleep 1000",
    "cat /dev/zero; cat /dev/urandom; tail -f kept",
    "for i in {1..30}; do cat big big > more; mv more big; done",
  ]
  await sandbox.exec("head -c 100000 kept > big; echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx >> big")
  let ticks = 0
  const timer = setInterval(() => ticks++, 20)
  await Promise.all(
    hogs.map(async (command) => {
      const result = await sandbox
        .exec(command, { timeoutMs: 2_000, maxOutputBytes: 1_000 })
        .catch((error: unknown) => error)
      const { code } = result as { code?: unknown }
      // Together they may use all memory that there is: then the sandbox ends, and says why.
      assert.ok(code === undefined || code === "sandbox.limit", `${command}: ${String(result)}`)
    }),
  )
  clearInterval(timer)
  assert.ok(ticks > 10, "this process was held up")
  assert.equal((await sandbox.exec("cat kept")).stdout, "kept")
  await sandbox.destroy()
})

test("a virtual sandbox that holds more memory than it may ends with sandbox.limit, and starts again with its files", async () => {
  await using sandbox = await attacked({ provider: "virtual", limits: { memoryMb: 128 } })
  await sandbox.files.write("kept", "kept")
  const hog = "x=$(printf '%1000000s' x); for i in {1..12}; do eval \"v$i=$x$x$x$x$x$x$x$x\"; done; sleep 3"
  const all = await Promise.allSettled(Array.from({ length: 8 }, () => sandbox.exec(hog, { timeoutMs: 30_000 })))
  const hasEnded = all.some(
    (one) => one.status === "rejected" && (one.reason as { code: string }).code === "sandbox.limit",
  )
  const wasKilled = all.some((one) => one.status === "fulfilled" && one.value.exitCode !== 0)
  assert.ok(hasEnded || wasKilled)
  assert.equal((await sandbox.exec("cat kept")).stdout, "kept")
  await sandbox.destroy()
})
