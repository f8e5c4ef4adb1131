import { setTimeout as delay } from "node:timers/promises"
import { createServer, type ServerApp, type ServerOptions } from "./create-server.ts"
import type { Listener } from "./listen.ts"
import { previewBase } from "./preview-base.ts"

export interface StartServerOptions extends Omit<ServerOptions, "stopping"> {
  /** The name below which previews of sandboxes are reached, or the address of a proxy that leads them here, such as `https://preview.example.com`. Default `localhost`. */
  readonly previewHost?: string
}

export interface RunningServer {
  readonly url: string
  readonly port: number
  readonly app: ServerApp
  /** Lets requests under way finish for a few seconds, cancels the rest, closes. Takes less than 5 s. Calling twice is safe. */
  stop(): Promise<void>
}

const drainMs = 2_500
const cancelMs = 700

/** Serves the API on a bound socket. */
export function startServer(listener: Listener, options: StartServerOptions): RunningServer {
  const stopping = new AbortController()
  // Before a program can run: it must not be able to call the API that it runs under.
  options.platform.ownPorts.add(listener.port)
  const { previews } = options.platform.env.SANDBOX
  previews.attach(previewBase(options.previewHost, listener.port))
  const { app } = createServer({ ...options, stopping: stopping.signal })
  listener.serve(app, previews)
  let stopped: Promise<void> | undefined
  return { url: listener.url, port: listener.port, app, stop: () => (stopped ??= stop(listener, stopping)) }
}

async function stop(listener: Listener, stopping: AbortController): Promise<void> {
  if (await closesWithin(listener, drainMs)) return
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
