import { spawn } from "node:child_process"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { createServer, type Http2Server } from "node:http2"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { checkLastStep, type StartOptions, type WorkflowContender } from "../contender.ts"
import { Entrances } from "../entrances.ts"
import { importPeer, peerPackage } from "../peers.ts"
import { freePort } from "../postgres.ts"

interface Context {
  run<T>(name: string, act: () => Promise<T>): Promise<T>
  sleep(ms: number): Promise<void>
}

type Handler = (context: Context, input: { id: string; given: number }) => Promise<unknown>

interface Sdk {
  service(options: { name: string; handlers: Readonly<Record<string, Handler>> }): unknown
  createEndpointHandler(options: { services: readonly unknown[] }): Parameters<Http2Server["on"]>[1]
}

interface Ports {
  readonly ingress: number
  readonly admin: number
  readonly node: number
  readonly service: number
}

/** Restate's server below this process, which has the service. A call is one HTTP request that answers with the result: its only door. */
export async function startRestate({ folder }: StartOptions): Promise<WorkflowContender> {
  const sdk = await importPeer<Sdk>("@restatedev/restate-sdk")
  const ports = await portsOf(folder)
  const entrances = new Entrances()
  const service = sdk.service({ name: "bench", handlers: handlersOf(entrances) })
  const endpoint = createServer(sdk.createEndpointHandler({ services: [service] }) as () => void)
  await new Promise<void>((resolve) => endpoint.listen(ports.service, "127.0.0.1", resolve))
  const server = await startServer(folder, ports)
  await register(ports)
  const call = async (handler: string, id: string, given: number): Promise<unknown> => {
    const response = await fetch(`http://127.0.0.1:${ports.ingress}/bench/${handler}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ id, given }),
    })
    if (response.ok) return response.json()
    throw new Error(`Restate answered ${response.status}: ${(await response.text()).slice(0, 300)}`)
  }
  const all = (handler: string, prefix: string, count: number, given: number): Promise<unknown[]> =>
    Promise.all(Array.from({ length: count }, (_, n) => call(handler, `${prefix}-${n}`, given)))
  return {
    async run(prefix, count, steps) {
      checkLastStep(await all("steps", prefix, count, steps), steps)
    },
    sleep: async (prefix, count, at) => (await all("sleeper", prefix, count, at)) as number[],
    async begin(count) {
      void all("stuck", "stuck", count, 0).catch(() => {})
      await entrances.all(count)
    },
    resume: (count) => entrances.all(count),
    async stop() {
      await server.stop()
      endpoint.close()
    },
  }
}

function handlersOf(entrances: Entrances): Readonly<Record<string, Handler>> {
  return {
    async steps(context, { given: count }) {
      let last
      for (let n = 0; n < count; n++) last = await context.run(`step-${n}`, async () => n)
      return last
    },
    async sleeper(context, { given: at }) {
      await context.sleep(Math.max(0, at - Date.now()))
      return context.run("late", async () => Date.now() - at)
    },
    async stuck(context, { id }) {
      await context.run("before", async () => 1)
      await context.run("under way", () => {
        entrances.enter(id)
        return new Promise<never>(() => {})
      })
    },
  }
}

/** The server knows the service by its address, so both have the same ones after a crash. */
async function portsOf(folder: string): Promise<Ports> {
  const file = join(folder, "ports.json")
  if (existsSync(file)) return JSON.parse(readFileSync(file, "utf8")) as Ports
  const [ingress = 0, admin = 0, node = 0, service = 0] = await Promise.all(Array.from({ length: 4 }, freePort))
  const ports = { ingress, admin, node, service }
  writeFileSync(file, JSON.stringify(ports))
  return ports
}

async function startServer(folder: string, ports: Ports): Promise<{ stop(): Promise<void> }> {
  const program = join(peerPackage("@restatedev/restate-server"), "bin", "restate-server")
  const server = spawn(program, ["--base-dir", join(folder, "restate"), "--node-name", "bench"], {
    cwd: folder,
    stdio: ["ignore", "ignore", "pipe"],
    env: {
      PATH: process.env["PATH"] ?? "",
      RESTATE_BIND_ADDRESS: `127.0.0.1:${ports.node}`,
      RESTATE_ADVERTISED_ADDRESS: `http://127.0.0.1:${ports.node}`,
      RESTATE_INGRESS__BIND_ADDRESS: `127.0.0.1:${ports.ingress}`,
      RESTATE_ADMIN__BIND_ADDRESS: `127.0.0.1:${ports.admin}`,
      RESTATE_DISABLE_TELEMETRY: "true",
      RUST_LOG: "error",
    },
  })
  const kill = (): boolean => server.kill("SIGKILL")
  process.once("exit", kill)
  let said = ""
  server.stderr.on("data", (text: Buffer) => (said = (said + text.toString()).slice(-2_000)))
  for (let tries = 0; !(await answers(`http://127.0.0.1:${ports.admin}/health`)); tries++) {
    if (server.exitCode !== null || tries === 600) throw new Error(`restate-server does not start: ${said}`)
    await delay(50)
  }
  return {
    async stop() {
      const gone = new Promise((resolve) => server.once("exit", resolve))
      server.kill("SIGTERM")
      await Promise.race([gone, delay(10_000).then(kill)])
      process.off("exit", kill)
    },
  }
}

async function answers(url: string): Promise<boolean> {
  return fetch(url).then(
    ({ ok }) => ok,
    () => false,
  )
}

async function register(ports: Ports): Promise<void> {
  for (let tries = 0; ; tries++) {
    const response = await fetch(`http://127.0.0.1:${ports.admin}/deployments`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ uri: `http://127.0.0.1:${ports.service}`, force: false }),
    })
    if (response.ok || response.status === 409) break
    if (tries === 100) throw new Error(`Restate does not take the service: ${await response.text()}`)
    await delay(50)
  }
  for (let tries = 0; !(await answers(`http://127.0.0.1:${ports.ingress}/restate/health`)); tries++) {
    if (tries === 100) throw new Error("Restate's ingress does not answer")
    await delay(50)
  }
}
