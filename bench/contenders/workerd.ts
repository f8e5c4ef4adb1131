import { type ChildProcess, spawn } from "node:child_process"
import { writeFileSync } from "node:fs"
import { Agent, request } from "node:http"
import { join } from "node:path"
import type { Readable } from "node:stream"
import { checkAnswer, type Contender } from "./contender.ts"
import { peerBinary } from "./peers.ts"
import { input } from "./program.ts"
import { temporaryFolder } from "./temporary-folder.ts"
import { workerdConfig, workerdParent } from "./workerd-parent.ts"

export interface WorkerdMode {
  /** `load`: a fresh worker per call. `get`: one worker, kept warm. */
  readonly kind: "load" | "get"
  /** Whether the loop runs inside the parent worker, so that no HTTP is in the figures. */
  readonly isInside: boolean
  /** workerd runs all its JavaScript on one thread; calls go round robin over this many processes. */
  readonly processes: number
}

/** workerd's worker loader, driven by a parent worker over loopback HTTP. */
export async function startWorkerd({ kind, isInside, processes }: WorkerdMode): Promise<Contender> {
  const servers = await Promise.all(Array.from({ length: processes }, startServer))
  let turn = 0
  const next = (): Server => servers[turn++ % servers.length] as Server
  const loop = async (clients: number, runs: number): Promise<number> => {
    const started = performance.now()
    await next().post(`/loop?kind=${kind}&clients=${clients}&runs=${runs}`)
    return performance.now() - started
  }
  return {
    async use(script) {
      await Promise.all(servers.map((server) => server.post("/program", script)))
    },
    run: async () => checkAnswer(JSON.parse(await next().post(`/run?kind=${kind}`, JSON.stringify(input)))),
    ...(isInside ? { loop } : {}),
    async hold(count) {
      await next().post(`/hold?count=${count}`)
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(servers.map((server) => server.stop()))
    },
  }
}

interface Server {
  post(path: string, body?: string): Promise<string>
  stop(): Promise<void>
}

async function startServer(): Promise<Server> {
  const folder = temporaryFolder()
  writeFileSync(join(folder, "config.capnp"), workerdConfig)
  writeFileSync(join(folder, "parent.js"), workerdParent)
  const args = ["serve", "--experimental", "--control-fd=3", join(folder, "config.capnp")]
  const child = spawn(peerBinary("workerd"), args, { stdio: ["ignore", "ignore", "inherit", "pipe"] })
  process.once("exit", () => child.kill("SIGKILL"))
  const port = await listeningPort(child)
  const agent = new Agent({ keepAlive: true, maxSockets: 512 })
  return {
    post: (path, body = "") => post(agent, port, path, body),
    async stop() {
      agent.destroy()
      child.kill("SIGKILL")
      await new Promise((resolve) => child.once("close", resolve))
    },
  }
}

function listeningPort(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    const control = child.stdio[3] as Readable
    control.on("data", (line: Buffer) => resolve((JSON.parse(line.toString()) as { port: number }).port))
    child.once("error", reject)
    child.once("close", (code) => reject(new Error(`workerd ended with ${code ?? "a signal"} before it listened`)))
  })
}

function post(agent: Agent, port: number, path: string, body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { "content-length": Buffer.byteLength(body) }
    const sent = request({ agent, host: "127.0.0.1", port, path, method: "POST", headers }, (response) => {
      let text = ""
      response.setEncoding("utf8")
      response.on("data", (part: string) => (text += part))
      response.on("error", reject)
      response.on("end", () => (response.statusCode === 200 ? resolve(text) : reject(new Error(`workerd: ${text}`))))
    })
    sent.on("error", reject)
    sent.end(body)
  })
}
