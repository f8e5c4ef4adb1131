import assert from "node:assert/strict"
import { execFileSync, spawn } from "node:child_process"
import { mkdtempSync, openSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test } from "node:test"
import { attacked, python } from "./sandbox-attack.ts"

test("no file of the kernel's settings can be written", async () => {
  await using sandbox = await attacked()
  const before = readFileSync("/proc/sys/kernel/core_pattern", "utf8")
  const { stdout } =
    await sandbox.exec(`for f in /proc/sys/kernel/core_pattern /proc/sys/kernel/modprobe /proc/sysrq-trigger /proc/sys/vm/drop_caches; do
    (cat $f > $f) 2>/dev/null && echo "wrote $f"; (echo 1 > $f) 2>/dev/null && echo "wrote $f"; done; echo done`)
  assert.equal(stdout, "done\n")
  assert.equal(readFileSync("/proc/sys/kernel/core_pattern", "utf8"), before)
})

test("the kernel knows it as another user than root, without any capability or way to new ones", async () => {
  await using sandbox = await attacked()
  const { stdout } = await sandbox.exec("cat /proc/self/status; cat /proc/self/uid_map; id -u; id -G")
  const field = (name: string): string => new RegExp(`^${name}:\\s*(.*)$`, "m").exec(stdout)?.[1] ?? ""
  for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]) assert.match(field(set), /^0+$/, set)
  assert.deepEqual([field("NoNewPrivs"), field("Seccomp")], ["1", "2"])
  assert.match(stdout, /\n1000\n1000\n$/)
  const process = await sandbox.spawn(["sleep", "123454321"])
  const status = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && read(`/proc/${name}/cmdline`) === ["sleep", "123454321", ""].join("\0"))
    .map((name) => read(`/proc/${name}/status`))
  assert.equal(status.length, 1)
  assert.match(status[0] ?? "", /^Uid:\s+([1-9]\d*)\s+\1\s+\1\s+\1$/m)
  assert.match(status[0] ?? "", /^Groups:\s*$|^Groups:\s+[1-9]\d*\s*$/m)
  await process.kill()
})

test("nothing of this process's environment, command line or descriptors is inside", async () => {
  process.env["MAYFLY_TEST_SECRET"] = "s3cret-of-the-supervisor"
  const folder = mkdtempSync(join(tmpdir(), "mayfly-descriptor-"))
  writeFileSync(join(folder, "secret"), "s3cret-in-a-file")
  // Node closes what it opens itself; one that was inherited it does not.
  const program = `const { createPlatform, Sandbox } = await import("mayfly")
    await using platform = await createPlatform({ hosts: 1, isolates: 0, spare: false })
    const sandbox = await Sandbox.create({ platform, env: { KEY: "value-of-a-variable" } })
    const all = "for p in /proc/[0-9]*; do tr '\\\\0' '\\\\n' < $p/environ; tr '\\\\0' ' ' < $p/cmdline; for f in $p/fd/*; do readlink $f; [ -f $f ] && head -c 100 $f; done; done 2>/dev/null"
    console.log((await sandbox.exec(all)).stdout); await sandbox.destroy()`
  const inherited = openSync(join(folder, "secret"), "r")
  const flags = ["--conditions=source", "--input-type=module", "-e", program]
  const child = spawn(process.execPath, flags, {
    timeout: 60_000,
    stdio: ["ignore", "pipe", "inherit", ...Array.from({ length: 80 }, () => inherited)],
  })
  const text = await new Response(child.stdout as unknown as ReadableStream).text()
  assert.ok(text.includes("KEY=value-of-a-variable"), text)
  assert.ok(!text.includes("s3cret"), text)
  assert.ok(!text.includes(folder) && !text.includes(import.meta.dirname.split("/test")[0] ?? "?"), text)
  const first = /^.*bwrap.*$/m.exec(text)?.[0] ?? ""
  assert.ok(!first.includes("value-of-a-variable"), first)
  rmSync(folder, { recursive: true })
})

test("calls that let others out of sandboxes are refused", async () => {
  await using sandbox = await attacked()
  const probe = `import ctypes, errno, socket, fcntl, os
libc = ctypes.CDLL(None, use_errno=True)
def call(name, *args):
    ctypes.set_errno(0); result = libc.syscall(*args); print(name, "done" if result >= 0 else errno.errorcode[ctypes.get_errno()])
call("ptrace", 101, 0, 0, 0, 0); call("process_vm_readv", 310, 1, 0, 0, 0, 0, 0); call("mount", 165, 0, 0, 0, 0, 0)
call("umount", 166, b"/proc", 2); call("fsopen", 430, b"proc", 0); call("open_tree", 428, -100, b"/", 1); call("pivot_root", 155, b"/", b"/")
call("unshare-user", 272, 0x10000000); call("setns", 308, 0, 0); call("clone-user", 56, 0x10000000 | 17, 0, 0, 0, 0); call("clone3", 435, 0, 0)
call("bpf", 321, 0, 0, 0); call("io_uring", 425, 1, 0); call("userfaultfd", 323, 0); call("perf", 298, 0, 0, 0, 0, 0)
call("keyctl", 250, 0, -3, 0); call("kexec", 246, 0, 0, 0, 0); call("init_module", 175, 0, 0, 0); call("open_by_handle_at", 304, 0, 0, 0)
call("personality", 135, 0x20); call("x32", 0x40000000 | 39); call("pidfd_getfd", 438, 0, 0, 0); call("reboot", 169, 0, 0, 0, 0)
for family in (socket.AF_PACKET, 38, 40, 44, 31):
    try: socket.socket(family, socket.SOCK_STREAM); print(family, "done")
    except OSError as e: print(family, errno.errorcode[e.errno])
for family, kind in ((socket.AF_UNIX, socket.SOCK_STREAM), (socket.AF_INET, socket.SOCK_STREAM), (socket.AF_INET6, socket.SOCK_DGRAM)):
    socket.socket(family, kind)
try: fcntl.ioctl(0, 0x5412, b"x"); print("tiocsti done")
except OSError as e: print("tiocsti", errno.errorcode[e.errno])
try: fcntl.ioctl(0, 0x541C, b"x"); print("tioclinux done")
except OSError as e: print("tioclinux", errno.errorcode[e.errno])`
  const lines = (await python(sandbox, probe)).trim().split("\n")
  const refused = "EPERM"
  assert.deepEqual(lines, [
    ...[
      "ptrace",
      "process_vm_readv",
      "mount",
      "umount",
      "fsopen",
      "open_tree",
      "pivot_root",
      "unshare-user",
      "setns",
    ].map((name) => `${name} ${refused}`),
    "clone-user EPERM",
    "clone3 ENOSYS",
    "bpf EPERM",
    "io_uring ENOSYS",
    "userfaultfd EPERM",
    "perf EPERM",
    "keyctl EPERM",
    "kexec EPERM",
    "init_module EPERM",
    "open_by_handle_at EPERM",
    "personality EPERM",
    "x32 ENOSYS",
    "pidfd_getfd EPERM",
    "reboot EPERM",
    "17 EAFNOSUPPORT",
    "38 EAFNOSUPPORT",
    "40 EAFNOSUPPORT",
    "44 EAFNOSUPPORT",
    "31 EAFNOSUPPORT",
    "tiocsti EPERM",
    "tioclinux EPERM",
  ])
})

test("programs of the host can't be changed, and none of its own files are there", async () => {
  await using sandbox = await attacked()
  const { stdout } =
    await sandbox.exec(`touch /usr/bin/x /etc/passwd /x /lib/x /.mayfly/agent/agent.cjs 2>&1 | grep -c 'Read-only\\|denied'
    ls / | tr '\\n' ' '; ls /home /root /var 2>&1 | tr '\\n' ' '; cat /etc/shadow 2>&1; ls /sys 2>&1; ls /dev | tr '\\n' ' '`)
  assert.match(stdout, /^5\n/)
  assert.ok(!/root:\$|\bsys\b.*kernel/.test(stdout))
  assert.match(stdout, /bin dev etc home lib .*proc run sbin tmp usr var workspace/)
  assert.match(stdout, /shadow: No such file/)
  assert.ok(!/\b(sda|vda|kvm|mem|vsock|fuse|loop\d*)\b/.test(stdout.split("\n").at(-1) ?? ""))
})

test("a link that leads out leads to the sandbox's own files, in every call on files", async () => {
  await using sandbox = await attacked()
  const folder = mkdtempSync(join(tmpdir(), "mayfly-outside-"))
  writeFileSync(join(folder, "secret"), "of the host")
  await sandbox.exec(`ln -s ${folder} out; ln -s ${folder}/secret file; ln -s / root; ln -s /proc/1/root inner`)
  for (const path of [
    `out/secret`,
    "file",
    `root${folder}/secret`,
    `inner${folder}/secret`,
    `/proc/1/root${folder}/secret`,
    `../..${folder}/secret`,
  ])
    await assert.rejects(sandbox.files.read(path), { code: /sandbox\.file/ }, path)
  await sandbox.files.write("file", "overwritten").catch(() => {})
  await sandbox.files.remove("out", { recursive: true })
  assert.equal(readFileSync(join(folder, "secret"), "utf8"), "of the host")
  rmSync(folder, { recursive: true })
})

test("links that change while files are read and written lead nowhere else", async () => {
  await using sandbox = await attacked()
  const folder = mkdtempSync(join(tmpdir(), "mayfly-race-"))
  writeFileSync(join(folder, "file"), "of the host")
  await sandbox.exec("mkdir -p own; echo own > own/file")
  const racer = await sandbox.spawn(
    `echo racing; while :; do ln -sfn own turned; ln -sfn ${folder} turned; ln -sfn /proc/1/root${folder} turned; done`,
  )
  await racer.waitForLog("racing")
  const seen = new Set<string>()
  for (let round = 0; round < 100; round++) {
    seen.add(await sandbox.files.read("turned/file", { encoding: "utf8" }).catch(() => "refused"))
    await sandbox.files.write("turned/file", "own\n").catch(() => {})
    await sandbox.files.rename("turned/file", "own/file").catch(() => {})
  }
  await racer.kill("SIGKILL")
  assert.deepEqual(
    [...seen].filter((text) => text !== "own\n" && text !== "refused"),
    [],
  )
  assert.deepEqual([readdirSync(folder), readFileSync(join(folder, "file"), "utf8")], [["file"], "of the host"])
  rmSync(folder, { recursive: true })
})

test("each sandbox has a network of its own, which it can't change, and which nobody had before", async () => {
  const sandboxes = await Promise.all([attacked(), attacked(), attacked()])
  const networkOf = async (sandbox: (typeof sandboxes)[number]): Promise<string> =>
    (await sandbox.exec("readlink /proc/self/ns/net")).stdout.trim()
  const networks = new Set([readlinkSync("/proc/self/ns/net"), ...(await Promise.all(sandboxes.map(networkOf)))])
  const [first, second] = sandboxes
  assert.ok(first !== undefined && second !== undefined)
  await first.stop()
  networks.add(await networkOf(first))
  assert.equal(networks.size, 5)
  const change = "ip link set lo down; ip addr add 10.9.9.9/8 dev lo; ip route add default dev lo; ip netns add x"
  assert.equal(
    (await first.exec(`for c in 1; do ${change}; done 2>&1 | grep -c 'not permitted\\|denied\\|failed'`)).stdout,
    "4\n",
  )
  // Sockets without a file are the network's, and 80 is taken by the way out.
  const listen = `import socket, time
a = socket.socket(socket.AF_UNIX); a.bind("\\0mayfly-abstract"); a.listen()
b = socket.socket(); b.bind(("127.0.0.1", 7070)); b.listen(); print("listens", flush=True); time.sleep(600)`
  const server = await first.spawn(["python3", "-c", listen])
  await server.waitForLog("listens")
  const reach = `import socket
for family, place in ((socket.AF_UNIX, "\\0mayfly-abstract"), (socket.AF_INET, ("127.0.0.1", 7070))):
    try: socket.socket(family).connect(place); print("reached")
    except OSError as e: print(e.strerror)
try: s = socket.socket(); s.bind(("0.0.0.0", 80)); print("bound")
except OSError as e: print(e.strerror)`
  assert.ok(!/reached|bound/.test(await python(second, reach)))
  await Promise.all(sandboxes.map((sandbox) => sandbox.destroy()))
})

test("an archive whose paths and links lead out is unpacked inside alone", async () => {
  await using sandbox = await attacked()
  const folder = mkdtempSync(join(tmpdir(), "mayfly-archive-"))
  const made = `import tarfile, io
tar = tarfile.open("${folder}/evil.tar", "w")
def add(name, data=b"evil", **more):
    info = tarfile.TarInfo(name); info.size = len(data)
    for key, value in more.items(): setattr(info, key, value)
    tar.addfile(info, io.BytesIO(data))
add("../../../..${folder}/up"); add("${folder}/absolute"); add("workspace/fine")
add("workspace/link", b"", type=tarfile.SYMTYPE, linkname="${folder}"); add("workspace/link/through")
add("workspace/device", b"", type=tarfile.CHRTYPE, devmajor=1, devminor=1); add("workspace/suid", mode=0o4755)
tar.close()`
  execFileSync("/usr/bin/python3", ["-c", made])
  execFileSync("zstd", ["-q", join(folder, "evil.tar")])
  await sandbox.import(readFileSync(join(folder, "evil.tar.zst"))).catch(() => {})
  assert.deepEqual(execFileSync("ls", [folder], { encoding: "utf8" }).trim().split("\n"), ["evil.tar", "evil.tar.zst"])
  assert.equal(await sandbox.files.exists("device"), false)
  rmSync(folder, { recursive: true })
})

function read(path: string): string {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return ""
  }
}
