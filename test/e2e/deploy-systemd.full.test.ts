import assert from "node:assert/strict"
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, test } from "node:test"
import { fileURLToPath } from "node:url"
import { filesOf } from "../../packages/sandbox/src/docker-engine.fixture.ts"
import { reasonWithoutUser } from "../../packages/sandbox/src/ordinary-user.fixture.ts"
import { eventually } from "../attacks/processes.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))
const packages = [
  "systemd",
  "dbus",
  "bash",
  "dash",
  "coreutils",
  "util-linux",
  "mount",
  "libc-bin",
  "bubblewrap",
  "iproute2",
  "zstd",
  "grep",
  "tar",
]
const folder = mkdtempSync(join(tmpdir(), "mayfly-systemd-"))
const tree = join(folder, "root")
let machine: ChildProcess | undefined
after(async () => {
  if (machine !== undefined && machine.exitCode === null) {
    // With its first process all others go, and nspawn; without nspawn they would stay.
    process.kill(Number(leader()), "SIGKILL")
    await once(machine, "exit")
  }
  rmSync(folder, { recursive: true, force: true })
})

function reasonWithoutSystemd(): string | false {
  const missing = ["systemd-nspawn", "nsenter", "apt-cache"].filter(
    (name) => spawnSync(name, ["--version"]).status !== 0,
  )
  if (missing.length > 0) return `${missing.join(", ")} can't be had here`
  if (!existsSync("/lib/systemd/systemd")) return "there is no systemd here"
  return reasonWithoutUser(import.meta.filename)
}

/** A machine of this one's own packages, with the unit installed as the guide says. */
function makeTree(): void {
  mkdirSync(tree)
  const list = filesOf(packages).join("\n")
  const tar = execFileSync("tar", ["-C", "/", "--no-recursion", "-cf", "-", "-T", "-"], {
    input: list,
    maxBuffer: 1 << 30,
  })
  execFileSync("tar", ["-C", tree, "-xf", "-"], { input: tar })
  for (const name of [
    "proc",
    "sys",
    "dev",
    "run",
    "tmp",
    "root",
    "opt/mayfly",
    "var/lib",
    "etc/systemd/system/multi-user.target.wants",
    "etc/mayfly",
  ])
    mkdirSync(join(tree, name), { recursive: true })
  writeFileSync(
    join(tree, "etc/passwd"),
    "root:x:0:0::/root:/bin/sh\nmessagebus:x:100:100::/:/bin/false\nmayfly:x:101:101::/var/lib/mayfly:/bin/false\n",
  )
  writeFileSync(join(tree, "etc/group"), "root:x:0:\nmessagebus:x:100:\nmayfly:x:101:\n")
  writeFileSync(join(tree, "etc/machine-id"), `${"0123456789abcdef".repeat(2)}\n`)
  writeFileSync(join(tree, "etc/os-release"), "ID=test\n")
  writeFileSync(join(tree, "etc/mayfly/environment"), "MAYFLY_PORT=0\n", { mode: 0o600 })
  copyFileSync(join(root, "deploy/mayfly.service"), join(tree, "etc/systemd/system/mayfly.service"))
}

function leader(): string {
  return readFileSync(`/proc/${machine?.pid}/task/${machine?.pid}/children`, "utf8").trim().split(" ")[0] ?? ""
}

function inside(...command: readonly string[]): string {
  const enter = [
    "-t",
    leader(),
    "-m",
    "-u",
    "-i",
    "-p",
    "-C",
    "-r",
    "-w",
    "--",
    "/usr/bin/env",
    "-i",
    "PATH=/usr/sbin:/usr/bin",
  ]
  return execFileSync("nsenter", [...enter, ...command], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] })
}

function answers(...command: readonly string[]): string {
  try {
    return inside(...command)
  } catch {
    return ""
  }
}

const urls = (): string[] =>
  [...answers("journalctl", "-u", "mayfly", "-o", "cat", "--no-pager").matchAll(/Mayfly is serving at (\S+)/g)].map(
    ([, url = ""]) => url,
  )

test(
  "systemd starts the unit, its hardening lets sandboxes be, a kill restarts it and a stop drains",
  { skip: reasonWithoutSystemd(), timeout: 300_000 },
  async () => {
    makeTree()
    machine = spawn(
      "systemd-nspawn",
      ["-D", tree, "--boot", "--register=no", "--keep-unit", "--quiet", `--bind-ro=${root}:/opt/mayfly`],
      {
        stdio: ["ignore", "ignore", "ignore"],
      },
    )
    await eventually(() => answers("systemctl", "show", "-p", "Version").startsWith("Version="), "systemd", 60_000)
    // What nspawn has put over parts of /proc no machine of its own has; nor has it a /dev/null for root alone.
    inside(
      "sh",
      "-c",
      "for n in 1 2; do while read -r _ at _; do case $at in /proc/*) umount -l $at;; esac; done < /proc/self/mounts; done; chmod 666 /dev/null",
    )
    inside("systemctl", "start", "mayfly")
    await eventually(() => urls().length === 1, "the server", 60_000)
    const [key = ""] = /mf_\S+/.exec(inside("journalctl", "-u", "mayfly", "-o", "cat", "--no-pager")) ?? []
    const call = async (path: string, body?: object): Promise<Record<string, unknown>> => {
      const headers = { authorization: `Bearer ${key}` }
      const init = body === undefined ? { headers } : { headers, method: "POST", body: JSON.stringify(body) }
      return (await fetch(`${urls().at(-1)}/v1${path}`, init)).json() as Promise<Record<string, unknown>>
    }
    assert.equal((await call("/run", { script: "export default (n) => n * 2", input: 21 }))["result"], 42)
    await call("/sandboxes", { id: "box" })
    const made = await call("/sandboxes/box/exec", { command: "echo kept > f; id -u" })
    assert.equal(made["stdout"], "1000\n", JSON.stringify(made))
    const [, exposure = "10"] =
      /exposure level for mayfly\.service: (\S+)/.exec(inside("systemd-analyze", "security", "mayfly", "--no-pager")) ??
      []
    assert.ok(Number(exposure) < 4, exposure)

    inside("sh", "-c", `kill -9 ${inside("systemctl", "show", "-p", "MainPID", "--value", "mayfly").trim()}`)
    await eventually(() => urls().length === 2, "the server again", 60_000)
    assert.equal((await call("/sandboxes/box/exec", { command: "cat f" }))["stdout"], "kept\n")
    const running = call("/run", {
      script: "export default async () => { await new Promise((go) => setTimeout(go, 1000)); return 'to its end' }",
    })
    await eventually(async () => JSON.stringify(await call("/runs?status=running")).includes("run_"), "the run")
    inside("systemctl", "stop", "mayfly")
    assert.equal((await running)["result"], "to its end")
    assert.equal(
      inside("systemctl", "show", "-p", "Result,ActiveState", "mayfly"),
      "Result=success\nActiveState=inactive\n",
    )
  },
)
