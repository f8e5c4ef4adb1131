import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { closeSync, existsSync, openSync, readFileSync } from "node:fs"
import { type IncomingMessage, request } from "node:http"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import { setTimeout as pause } from "node:timers/promises"
import type { SandboxContender } from "./contender.ts"
import { findInPath, run } from "./run-command.ts"

const image = "mayfly-bench:latest"
const socketOfSystem = "/var/run/docker.sock"

/** A Docker daemon with our image in it. */
export interface Docker {
  readonly version: string
  readonly socket: string
  close(): Promise<void>
}

/** The daemon that runs here, or one of our own with files of its own. Throws with the reason why there is none. */
export async function startDocker(folder: string, rootfs: string): Promise<Docker> {
  const client = findInPath("docker")
  const daemon = existsSync(socketOfSystem) ? undefined : await startDaemon(folder)
  const socket = daemon === undefined ? socketOfSystem : join(folder, "docker.sock")
  try {
    const version = (await run([client, "-H", `unix://${socket}`, "version", "-f", "{{.Server.Version}}"])).trim()
    await run(["sh", "-c", `tar -C '${rootfs}' -c . | '${client}' -H unix://${socket} import - ${image}`])
    return { version, socket, close: () => stop(daemon) }
  } catch (error) {
    await stop(daemon)
    throw error
  }
}

async function startDaemon(folder: string): Promise<ChildProcess> {
  if (process.getuid?.() !== 0) throw new Error("no Docker daemon runs here, and only root can start one")
  const log = openSync(join(folder, "dockerd.log"), "w")
  const socket = join(folder, "docker.sock")
  const daemon = spawn(
    findInPath("dockerd"),
    [
      "--data-root",
      join(folder, "docker"),
      "--exec-root",
      join(folder, "docker-exec"),
      "--host",
      `unix://${socket}`,
      "--pidfile",
      join(folder, "docker.pid"),
      "--iptables=false",
      "--bridge=none",
    ],
    { stdio: ["ignore", log, log] },
  )
  closeSync(log)
  daemon.on("error", () => {})
  for (let tries = 0; tries < 600 && daemon.exitCode === null; tries++) {
    if (existsSync(socket)) return daemon
    await pause(50)
  }
  await stop(daemon)
  const said = readFileSync(join(folder, "dockerd.log"), "utf8").trim().split("\n").at(-1)
  throw new Error(`dockerd did not start: ${said ?? ""}`.slice(0, 300))
}

async function stop(daemon: ChildProcess | undefined): Promise<void> {
  if (daemon === undefined || daemon.exitCode !== null || daemon.signalCode !== null) return
  const ended = once(daemon, "exit")
  daemon.kill("SIGTERM")
  const late = setTimeout(() => daemon.kill("SIGKILL"), 20_000)
  await ended
  clearTimeout(late)
}

/** `docker run` and `docker exec`, as a program would call them. */
export function dockerCommands({ socket }: Docker): SandboxContender {
  const docker = (...args: string[]): Promise<string> => run(["docker", "-H", `unix://${socket}`, ...args])
  return {
    name: "docker",
    title: "docker run, docker exec",
    async create() {
      const id = (await docker("run", "-d", "--network", "none", image, "sleep", "100000")).trim()
      return {
        exec: (argv) => docker("exec", id, ...argv),
        pids: () => containerProcesses(socket, id),
        destroy: async () => void (await docker("rm", "-f", id)),
      }
    },
    close: async () => {},
  }
}

/** `docker run` of one command: from nothing to its end. */
export function dockerRun({ socket }: Docker): SandboxContender {
  return {
    name: "docker-run",
    title: "docker run --rm IMAGE true",
    async create() {
      await run(["docker", "-H", `unix://${socket}`, "run", "--rm", "--network", "none", image, "true"])
      return { destroy: async () => {} }
    },
    close: async () => {},
  }
}

/** Docker's HTTP API without its command. */
export function dockerApi({ socket }: Docker): SandboxContender {
  return {
    name: "docker-api",
    title: "Docker Engine API",
    async create() {
      const body = { Image: image, Cmd: ["sleep", "100000"], HostConfig: { NetworkMode: "none" } }
      const { Id: id } = await call<{ Id: string }>(socket, "POST", "/containers/create", body)
      await call(socket, "POST", `/containers/${id}/start`)
      const exec = async (argv: readonly string[]): Promise<string> => {
        const made = await call<{ Id: string }>(socket, "POST", `/containers/${id}/exec`, {
          Cmd: argv,
          AttachStdout: true,
        })
        return send(socket, "POST", `/exec/${made.Id}/start`, { Detach: false, Tty: true })
      }
      await exec(["true"])
      return {
        exec,
        pids: () => containerProcesses(socket, id),
        destroy: async () => void (await call(socket, "DELETE", `/containers/${id}?force=1`)),
      }
    },
    close: async () => {},
  }
}

/** Its first process and what watches it. The daemons are shared and not counted. */
async function containerProcesses(socket: string, id: string): Promise<readonly number[]> {
  const { State } = await call<{ State: { Pid: number } }>(socket, "GET", `/containers/${id}/json`)
  const parent = /^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${State.Pid}/status`, "utf8"))?.[1]
  return [State.Pid, Number(parent)]
}

async function call<T>(socket: string, method: string, path: string, body?: object): Promise<T> {
  const said = await send(socket, method, path, body)
  return (said === "" ? undefined : JSON.parse(said)) as T
}

async function send(socketPath: string, method: string, path: string, body?: object): Promise<string> {
  const json = body === undefined ? "" : JSON.stringify(body)
  const headers = json === "" ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(json) }
  const asked = request({ socketPath, method, path: `/v1.41${path}`, headers, agent: false })
  asked.end(json)
  const [answer] = (await once(asked, "response")) as [IncomingMessage]
  const said = await text(answer)
  if ((answer.statusCode ?? 500) < 300) return said
  throw new Error(`Docker answered ${answer.statusCode} to ${method} ${path}: ${said.slice(0, 200)}`)
}
