import { callEntrypoint } from "./call-entrypoint.ts"
import { type ExecutionContext, executionContext } from "./execution-context.ts"
import { giveResult } from "./give-result.ts"
import { failureOf } from "./guest-error.ts"
import type { Session } from "../bridge/session.ts"
import type { GuestKernel } from "./guest-kernel.ts"
import type { GuestJob } from "./job.ts"
import type { Objects } from "./objects/objects-chunk.ts"
import type { StreamedResponse, UpgradeResponse, WireResponse } from "./web/response.ts"

interface FetchInternals {
  requestFromWire(wire: unknown, signal: () => unknown): unknown
  responseToWire(response: unknown): Promise<WireResponse | StreamedResponse | UpgradeResponse>
}

// Taken at evaluation, before guest code can replace them.
const PromiseOf = Promise
const { apply } = Reflect
const { stringify } = JSON
const promiseThen = Promise.prototype.then

/** Runs the program once and leaves its outcome in the outbox. */
export function runJob(namespace: Readonly<Record<string, unknown>>, job: GuestJob, kernel: GuestKernel): void {
  kernel.outbox.put("G", 0, "")
  if (job.call === "prewarm") return kernel.outbox.finish(`=${kernel.encodeResult(undefined, 0)}`)
  const fail = (error: unknown): void => {
    kernel.outbox.finish(`-${stringify(failureOf(error, kernel))}`)
  }
  if (job.call === "object") return runObject(namespace, job, kernel)
  const settle = async (): Promise<string> => {
    const context = contextOf(job, kernel)
    const value = await callEntrypoint(namespace, job, argumentOf(job, kernel, context), context)
    const encoded =
      job.call === "fetch"
        ? kernel.encodeResult(await respond(value, kernel), job.outputBytes)
        : await giveResult(value, job, kernel)
    await finished(context.background, kernel)
    return `=${encoded}`
  }
  apply(promiseThen, settle(), [(outcome: string) => kernel.outbox.finish(outcome), fail])
}

/** The object's run ends only by failing: it is called from outside until then. */
function runObject(namespace: Readonly<Record<string, unknown>>, job: GuestJob, kernel: GuestKernel): void {
  const { serveObject } = kernel.chunk<Objects>("objects")
  serveObject(namespace, job, kernel, (env, ctx) => (latest = { job, context: { env, ctx, background: [] } }))
}

/**
 * The handler's response. One with a stream goes ahead of the run's end: the supervisor reads it while the program writes it, and the run lasts
 * until it is read, has failed, or is cancelled. The run's own result is undefined then.
 */
async function respond(value: unknown, kernel: GuestKernel): Promise<unknown> {
  const response = await internals(kernel).responseToWire(value)
  if ("webSocket" in response) return upgrade(response, kernel)
  if (!("stream" in response)) return response
  const { stream, ...head } = response
  await new PromiseOf<void>((resolve) => {
    const id = kernel.session.exportTarget(new kernel.rich.ReadableTarget(stream, resolve))
    kernel.outbox.put("R", id, kernel.encode(head))
  })
  return undefined
}

interface BridgeInternals {
  handOver(socket: object, session: Session, finished: () => void): number
}

/** The supervisor gets the socket ahead of the run's end, which comes when the socket is closed. */
async function upgrade({ webSocket, ...head }: UpgradeResponse, kernel: GuestKernel): Promise<undefined> {
  await new PromiseOf<void>((resolve) => {
    const id = kernel.chunk<BridgeInternals>("bridge").handOver(webSocket, kernel.session, resolve)
    kernel.outbox.put("R", id, kernel.encode(head))
  })
}

function argumentOf(job: GuestJob, kernel: GuestKernel, { ctx }: RunContext): unknown {
  const value = kernel.decode(job.input)
  // Its signal is the run's, made when somebody asks.
  return job.call === "fetch" ? internals(kernel).requestFromWire(value, () => ctx.signal) : value
}

function internals(kernel: GuestKernel): FetchInternals {
  return kernel.chunk<FetchInternals>("fetch")
}

export interface RunContext {
  readonly env: unknown
  /** That of an object has no signal: it outlives its calls. */
  readonly ctx: Omit<ExecutionContext, "signal"> & Partial<Pick<ExecutionContext, "signal">>
  readonly background: readonly unknown[]
}

let latest: { readonly job: GuestJob; readonly context: RunContext } | undefined

/** `env` and `ctx` of a run: the same objects for its handler and for `cloudflare:workers`, which may ask first. */
function contextOf(job: GuestJob, kernel: GuestKernel): RunContext {
  if (latest?.job !== job) latest = { job, context: createContext(job, kernel) }
  return latest.context
}

/** The context of the isolate's latest run; `first` is the one whose modules are being evaluated. */
export function currentContext(first: GuestJob, kernel: GuestKernel): RunContext {
  return latest?.context ?? contextOf(first, kernel)
}

function createContext(job: GuestJob, kernel: GuestKernel): RunContext {
  const background: unknown[] = []
  const env = kernel.decodeEnv(job.env)
  return { env, ctx: executionContext({ kernel, env, background }, kernel.decode(job.props)), background }
}

/** `waitUntil` work may add more of itself; what it throws is a log line, as at Cloudflare. */
async function finished(background: readonly unknown[], kernel: GuestKernel): Promise<void> {
  for (let next = 0; next < background.length; next++) {
    try {
      await new PromiseOf((resolve) => resolve(background[next]))
    } catch (error) {
      kernel.report(error)
    }
  }
}
