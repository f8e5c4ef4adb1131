import { type ChildProcess, spawn } from "node:child_process"
import { writeFileSync } from "node:fs"
import { Agent, request } from "node:http"
import { join } from "node:path"
import type { Readable } from "node:stream"
import { peerBinary } from "./peers.ts"
import { temporaryFolder } from "./temporary-folder.ts"

export interface WorkerdServer {
  readonly port: number
  post(path: string, body?: string): Promise<string>
  stop(): Promise<void>
}

/** A workerd process on a port of its own. Of `files`, "config.capnp" is the configuration. */
export async function startWorkerdServer(files: Readonly<Record<string, string>>): Promise<WorkerdServer> {
  const folder = temporaryFolder()
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  const args = ["serve", "--experimental", "--control-fd=3", join(folder, "config.capnp")]
  const child = spawn(peerBinary("workerd"), args, { stdio: ["ignore", "ignore", "inherit", "pipe"] })
  process.once("exit", () => child.kill("SIGKILL"))
  const port = await listeningPort(child)
  const agent = new Agent({ keepAlive: true, maxSockets: 512 })
  return {
    port,
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
