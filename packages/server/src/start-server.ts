import { setTimeout as delay } from "node:timers/promises"
import { createServer, type ServerApp, type ServerOptions } from "./create-server.ts"
import type { Listener } from "./listen.ts"
import { previewBase } from "./preview-base.ts"

export interface RunningServer {
  readonly url: string
  readonly port: number
  readonly app: ServerApp
  /** Says so at /readyz, lets requests under way finish for `graceMs`, cancels the rest, closes. Calling twice is safe. */
  stop(): Promise<void>
}

export interface StartOptions extends Omit<ServerOptions, "stopping" | "draining"> {
  /** How long requests under way may take when the server is asked to stop. Default 2.5 s. */
  readonly graceMs?: number
  /** The name below which previews of sandboxes are reached, or the address of a proxy that leads them here, such as `https://preview.example.com`. Default `localhost`. */
  readonly previewHost?: string
}

const defaultGraceMs = 2_500
const cancelMs = 700

/** Serves the API on a bound socket. */
export function startServer(listener: Listener, { graceMs = defaultGraceMs, ...options }: StartOptions): RunningServer {
  const [draining, stopping] = [new AbortController(), new AbortController()]
  // Before a program can run: it must not be able to call the API that it runs under.
  options.platform.ownPorts.add(listener.port)
  const { previews } = options.platform.env.SANDBOX
  previews.attach(previewBase(options.previewHost, listener.port))
  const server = createServer({ ...options, draining: draining.signal, stopping: stopping.signal })
  const { app } = server
  listener.serve(app, previews)
  let stopped: Promise<void> | undefined
  const end = async (): Promise<void> => {
    draining.abort(new Error("the server stops"))
    await drain(listener, graceMs, stopping)
    await server.close()
  }
  return { url: listener.url, port: listener.port, app, stop: () => (stopped ??= end()) }
}

async function drain(listener: Listener, graceMs: number, stopping: AbortController): Promise<void> {
  // Connections are still taken: who comes now is told that the server stops.
  const isIdle = await within(graceMs, listener.idle())
  // Cancelled runs still get an answer: `worker.aborted`.
  if (!isIdle) stopping.abort(new Error("the server stops"))
  if (!(await within(cancelMs, listener.close()))) listener.destroy()
}

/** Whether it came in time. */
async function within(ms: number, end: Promise<void>): Promise<boolean> {
  const timer = new AbortController()
  const late = delay(ms, false, { signal: timer.signal }).catch(() => false)
  const isInTime = await Promise.race([end.then(() => true), late])
  timer.abort()
  return isInTime
}
