import { setTimeout as delay } from "node:timers/promises"
import type { Platform } from "@mayfly/platform"
import { createServer } from "./create-server.ts"
import { type Listener, listen } from "./listen.ts"

export interface StartOptions {
  readonly platform: Platform
  readonly keyHashes: readonly string[]
  readonly port: number
  readonly host: string
}

export interface RunningServer {
  readonly url: string
  readonly port: number
  /** Lets requests under way finish for a few seconds, cancels the rest, closes. Takes less than 5 s. Calling twice is safe. */
  stop(): Promise<void>
}

const drainMs = 3_000
const cancelMs = 1_000

/** Serves the API on a socket. Rejects with `platform.port-in-use`. */
export async function startServer({ platform, keyHashes, port, host }: StartOptions): Promise<RunningServer> {
  const stopping = new AbortController()
  const { app } = createServer({ platform, keyHashes, host, stopping: stopping.signal })
  const listener = await listen(app, { port, host })
  let stopped: Promise<void> | undefined
  return { url: listener.url, port: listener.port, stop: () => (stopped ??= stop(listener, stopping)) }
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
