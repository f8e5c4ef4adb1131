import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { request } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"

/** What the image of the tests holds: packages of this machine, with all that they need. */
const packages = [
  "bash", "dash", "coreutils", "tar", "util-linux", "bsdutils", "grep", "sed", "findutils", "mawk", "git", "python3", "curl", "procps",
  "libc-bin", "bubblewrap", "iproute2", "zstd", "ca-certificates", "libstdc++6", "libatomic1",
] // oxfmt-ignore
const image = "mayfly-test"

/** A Docker engine of a test's own, with one image and without a network. Whoever started it disposes it. */
export interface TestEngine extends AsyncDisposable {
  readonly socketPath: string
  readonly image: string
}

/** Why no engine can be had here, or false. The packages are unpacked, not installed, so that nothing else is changed. */
export function reasonWithoutEngine(): string | false {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return "an engine of a test's own needs Linux and root"
  if (enginePath() === undefined) return "there is no dockerd here, and Debian's could not be fetched"
  return false
}

let found: string | undefined

/** The folders to find dockerd, containerd and runc in. */
function enginePath(): string | undefined {
  if (found !== undefined) return found
  const system = (process.env["PATH"] ?? "").split(":").find((folder) => existsSync(join(folder, "dockerd")))
  if (system !== undefined) return (found = process.env["PATH"])
  const folder = join(tmpdir(), `mayfly-docker-${readFileSync("/proc/sys/kernel/random/boot_id", "utf8").slice(0, 8)}`)
  if (!existsSync(join(folder, "done")) && !unpackDebian(folder)) return undefined
  return (found = `${folder}/root/usr/bin:${folder}/root/usr/sbin:/usr/sbin:/usr/bin:/sbin:/bin`)
}

function unpackDebian(folder: string): boolean {
  const work = mkdtempSync(`${folder}-`)
  try {
    mkdirSync(join(folder, "root"), { recursive: true })
    const got = spawnSync("apt-get", ["download", "docker.io", "containerd", "runc"], { cwd: work, timeout: 120_000 })
    if (got.status !== 0) return false
    for (const name of readdirSync(work).filter((entry) => entry.endsWith(".deb")))
      if (spawnSync("dpkg", ["-x", join(work, name), join(folder, "root")]).status !== 0) return false
    writeFileSync(join(folder, "done"), "")
    return true
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

export async function startEngine(): Promise<TestEngine> {
  const folder = mkdtempSync(join(tmpdir(), "mayfly-dockerd-"))
  const socketPath = join(folder, "docker.sock")
  mkdirSync(join(folder, "exec"))
  const places = ["--data-root", join(folder, "data"), "--exec-root", join(folder, "exec")]
  const pidFile = ["--pidfile", join(folder, "pid")]
  const daemon = spawn(
    "dockerd",
    [...places, ...pidFile, "--host", `unix://${socketPath}`, "--iptables=false", "--bridge=none"],
    { env: { PATH: enginePath() }, stdio: ["ignore", "ignore", "pipe"] },
  )
  let said = ""
  daemon.stderr.on("data", (chunk: Buffer) => void (said = (said + chunk.toString()).slice(-4_000)))
  const stop = async (): Promise<void> => {
    daemon.kill("SIGTERM")
    if (daemon.exitCode === null && daemon.signalCode === null) await once(daemon, "exit")
    // It leaves this behind when a container had the machine's network.
    spawnSync("umount", [join(folder, "exec", "netns", "default")])
    // containerd ends a moment after the one that started it.
    await removeWhenFree(folder)
  }
  try {
    while (!(await answers(socketPath))) {
      if (daemon.exitCode !== null) throw new Error(`dockerd has ended: ${said}`)
      await pause(50)
    }
    await importImage(socketPath)
    return { socketPath, image, [Symbol.asyncDispose]: stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function removeWhenFree(folder: string): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      return rmSync(folder, { recursive: true, force: true })
    } catch (error) {
      if (tries === 100) throw error
      await pause(100)
    }
  }
}

function answers(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = request({ socketPath, path: "/_ping" }, (answer) => {
      answer.resume()
      resolve(answer.statusCode === 200)
    })
    asked.on("error", () => resolve(false)).end()
  })
}

/** No registry is asked: the image is made of this machine's own files. */
async function importImage(socketPath: string): Promise<void> {
  const tar = spawn("tar", ["-C", "/", "--no-recursion", "-cf", "-", "-T", "-"], { stdio: ["pipe", "pipe", "ignore"] })
  tar.stdin.end(filesOf(packages).join("\n"))
  const status = await new Promise<number>((resolve, reject) => {
    const sent = request(
      {
        socketPath,
        method: "POST",
        path: `/v1.40/images/create?fromSrc=-&repo=${image}`,
        headers: { "content-type": "application/x-tar" },
      },
      (answer) => {
        answer.resume().once("end", () => resolve(answer.statusCode ?? 0))
      },
    )
    sent.once("error", reject)
    tar.stdout.pipe(sent)
  })
  if (status !== 200) throw new Error(`the image could not be imported: ${status}`)
}

/** Files of packages of this machine and of all that they need, relative to its root. */
export function filesOf(names: readonly string[]): string[] {
  const flags = ["recommends", "suggests", "conflicts", "breaks", "replaces", "enhances"].map((name) => `--no-${name}`)
  const needed = output("apt-cache", ["depends", "--recurse", "--installed", ...flags, ...names])
    .split("\n")
    .filter((line) => /^\w/.test(line))
  const installed = needed.filter((name) => spawnSync("dpkg", ["-L", name]).status === 0)
  const files = output("dpkg", ["-L", ...installed])
    .split("\n")
    .map((path) => path.replace(/^\/(bin|sbin|lib|lib64)\//, "/usr/$1/"))
  const wanted = [
    ...files,
    "/bin",
    "/sbin",
    "/lib",
    "/lib64",
    "/usr/bin/awk",
    "/usr/bin/sh",
    "/etc/alternatives/awk",
    "/etc/ld.so.cache",
  ]
  return [...new Set(wanted)]
    .filter((path) => !/^\/(?:usr\/share\/(?:doc|man|locale)|\.$)|^\/$/.test(path) && existsSync(path))
    .map((path) => path.slice(1))
}

function output(command: string, args: readonly string[]): string {
  return spawnSync(command, args, { encoding: "utf8", maxBuffer: 64 << 20 }).stdout
}
