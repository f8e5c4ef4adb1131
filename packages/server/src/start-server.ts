import { setTimeout as delay } from "node:timers/promises"
import { createServer, type ServerApp, type ServerOptions } from "./create-server.ts"
import type { Listener } from "./listen.ts"

export interface RunningServer {
  readonly url: string
  readonly port: number
  readonly app: ServerApp
  /** Lets requests under way finish for `graceMs`, cancels the rest, closes: within a second more. Calling twice is safe. */
  stop(): Promise<void>
}

export interface StartOptions extends Omit<ServerOptions, "stopping"> {
  /** How long requests under way may take when the server stops. Default 2,500. */
  readonly graceMs?: number
}

const cancelMs = 700

/** Serves the API on a bound socket. */
export function startServer(listener: Listener, { graceMs = 2_500, ...options }: StartOptions): RunningServer {
  const stopping = new AbortController()
  // Before a program can run: it must not be able to call the API that it runs under.
  options.platform.ownPorts.add(listener.port)
  const { app } = createServer({ ...options, stopping: stopping.signal })
  listener.serve(app)
  let stopped: Promise<void> | undefined
  return { url: listener.url, port: listener.port, app, stop: () => (stopped ??= stop(listener, stopping, graceMs)) }
}

async function stop(listener: Listener, stopping: AbortController, graceMs: number): Promise<void> {
  if (await closesWithin(listener, graceMs)) return
  // Cancelled runs still get an answer: `worker.aborted`.
  stopping.abort(new Error("the server stops"))
  if (!(await closesWithin(listener, cancelMs))) listener.destroy()
}

async function closesWithin(listener: Listener, ms: number): Promise<boolean> {
  const timer = new AbortController()
  const late = delay(ms, false, { signal: timer.signal }).catch(() => false)
  const isClosed = await Promise.race([listener.close().then(() => true), late])
  timer.abort()
  return isClosed
}
