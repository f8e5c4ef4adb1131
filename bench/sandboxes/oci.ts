import { randomUUID } from "node:crypto"
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { SandboxContender } from "./contender.ts"
import { findInPath, run } from "./run-command.ts"

/** `runc run` and `runc exec`, without any daemon. */
export async function runcContender(folder: string, rootfs: string): Promise<SandboxContender> {
  const runc = findInPath("runc")
  const state = join(folder, "runc")
  const bundle = join(folder, "bundle")
  mkdirSync(bundle, { recursive: true })
  await run([runc, "spec", "-b", bundle])
  const config = JSON.parse(readFileSync(join(bundle, "config.json"), "utf8")) as Record<string, unknown>
  const process = { ...(config["process"] as object), terminal: false, args: ["sleep", "100000"] }
  writeFileSync(
    join(bundle, "config.json"),
    JSON.stringify({ ...config, process, root: { path: rootfs, readonly: true } }),
  )
  const call = (...args: string[]): Promise<string> => run([runc, "--root", state, ...args])
  const contender: SandboxContender = {
    name: "runc",
    title: "runc run -d, runc exec",
    async create() {
      const id = `bench-${randomUUID()}`
      const pidFile = join(folder, `${id}.pid`)
      // Its pipes would stay open for as long as the container lives.
      await run([
        "sh",
        "-c",
        `'${runc}' --root '${state}' run -d -b '${bundle}' --pid-file '${pidFile}' ${id} </dev/null >/dev/null 2>&1`,
      ])
      await call("exec", id, "true")
      return {
        exec: (argv) => call("exec", id, ...argv),
        pids: async () => [Number(readFileSync(pidFile, "utf8"))],
        destroy: async () => void (await call("delete", "-f", id)),
      }
    },
    close: async () => rmSync(state, { recursive: true, force: true }),
  }
  await tryOut(contender)
  return contender
}

/** `podman run` and `podman exec` on a folder, so that no image has to be there. */
export async function podmanContender(folder: string, rootfs: string): Promise<SandboxContender> {
  const podman = findInPath("podman")
  findInPath("conmon")
  const own = join(folder, "podman")
  mkdirSync(own, { recursive: true })
  const places = ["--root", join(own, "root"), "--runroot", join(own, "run"), "--tmpdir", join(own, "tmp")]
  const call = (...args: string[]): Promise<string> =>
    run([podman, ...places, "--storage-driver", "vfs", "--cgroup-manager", "cgroupfs", "--runtime", "runc", ...args])
  const contender: SandboxContender = {
    name: "podman",
    title: "podman run, podman exec",
    async create() {
      // A container writes into its folder.
      const files = join(own, randomUUID())
      cpSync(rootfs, files, { recursive: true })
      const limits = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"]
      const options = ["--network", "none", "--rootfs", files]
      const id = (await call("run", "-d", ...limits, ...options, "sleep", "100000")).trim()
      await call("exec", id, "true")
      return {
        exec: (argv) => call("exec", id, ...argv),
        destroy: async () => {
          await call("rm", "-f", "-t", "0", id)
          rmSync(files, { recursive: true, force: true })
        },
      }
    },
    close: async () => void (await call("rm", "-a", "-f", "-t", "0").catch(() => {})),
  }
  await tryOut(contender)
  return contender
}

/** It may be installed and not run here. */
export async function tryOut(contender: SandboxContender): Promise<void> {
  try {
    await (await contender.create()).destroy()
  } catch (error) {
    await contender.close().catch(() => {})
    throw error
  }
}
