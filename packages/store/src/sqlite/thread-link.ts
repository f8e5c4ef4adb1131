import { Worker } from "node:worker_threads"
import { isTold, MayflyError, tell } from "@mayfly/protocol"
import { moduleBeside } from "../module-beside.ts"
import type { ReplyBatch, Request, ThreadOptions } from "./messages.ts"
import { weighRequest } from "./weigh-request.ts"
import { fromWireError } from "./wire-error.ts"

export interface LinkBounds {
  /** Requests that wait for an answer. */
  readonly maxPending: number
  /** What they weigh together, about. */
  readonly maxPendingBytes: number
}

interface Pending {
  readonly bytes: number
  readonly isWrite: boolean
  /** Of a write whose time somebody wants to know, on the clock of `performance.now`. */
  readonly askedAt: number | undefined
  readonly resolve: (value: unknown) => void
  readonly reject: (error: Error) => void
}

/** Not those of the process: some, such as --input-type, can't be a thread's. Sources need the condition by which packages find each other's. */
const execArgv = import.meta.url.endsWith(".ts") ? ["--conditions=source", "--disable-warning=ExperimentalWarning"] : []

/** The way to a database thread. The process may end while nothing is asked. */
export class ThreadLink {
  readonly #worker: Worker
  readonly #bounds: LinkBounds
  readonly #pending = new Map<number, Pending>()
  #outgoing: (readonly [id: number, request: Request])[] = []
  #bytes = 0
  #lastId = 0
  #lost: Error | undefined
  #idle: (() => void)[] = []

  /** Starts the thread. The database is opened when the first question needs it. */
  constructor(options: ThreadOptions, bounds: LinkBounds) {
    this.#bounds = bounds
    this.#worker = new Worker(new URL(moduleBeside("database-thread", import.meta.url)), {
      workerData: options,
      execArgv,
      name: options.isReadOnly ? "store reader" : "store writer",
    })
    this.#worker.unref()
    this.#worker.on("message", (replies: ReplyBatch) => this.#receive(replies))
    this.#worker.on("error", (error) => this.#lose(error))
    this.#worker.on("exit", () => this.#lose(new Error("it ended")))
  }

  /** Rejects with a coded error. `store.queue-full` when too much waits. */
  ask(request: Request): Promise<unknown> {
    if (this.#lost !== undefined) return Promise.reject(lostError(this.#lost, false))
    const bytes = weighRequest(request)
    if (this.#pending.size >= this.#bounds.maxPending || this.#bytes + bytes > this.#bounds.maxPendingBytes) {
      return Promise.reject(this.#full())
    }
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    const isWrite = request.kind === "statements" || request.kind === "procedure"
    this.#lastId += 1
    const askedAt = isWrite && isTold("commit") ? performance.now() : undefined
    this.#pending.set(this.#lastId, { bytes, isWrite, askedAt, resolve, reject })
    this.#bytes += bytes
    if (this.#pending.size === 1) this.#worker.ref()
    // What is asked for in one turn of the event loop goes in one message.
    if (this.#outgoing.push([this.#lastId, request]) === 1) setImmediate(() => this.#send())
    return promise
  }

  /** Resolves when nothing waits for an answer. */
  idle(): Promise<void> {
    if (this.#pending.size === 0) return Promise.resolve()
    return new Promise((resolve) => this.#idle.push(resolve))
  }

  /** Ends the thread after what it has been asked. */
  async close(): Promise<void> {
    await this.idle()
    if (this.#lost === undefined) await this.ask({ kind: "close" })
    await this.#worker.terminate()
  }

  #send(): void {
    const batch = this.#outgoing
    this.#outgoing = []
    try {
      this.#worker.postMessage(batch)
    } catch (error) {
      // An argument that can't be cloned is its caller's mistake; the others must go.
      for (const entry of batch) this.#sendOne(entry, error)
    }
  }

  #sendOne(entry: readonly [id: number, request: Request], problem: unknown): void {
    try {
      this.#worker.postMessage([entry])
    } catch {
      this.#take(entry[0])?.reject(new MayflyError("store.failed", `the argument can't be copied: ${String(problem)}`))
      this.#settleIdle()
    }
  }

  #receive(replies: ReplyBatch): void {
    for (const [id, outcome] of replies) {
      const pending = this.#take(id)
      if (pending?.askedAt !== undefined)
        tell("commit", { isOk: outcome.ok, durationMs: performance.now() - pending.askedAt })
      if (outcome.ok) pending?.resolve(outcome.value)
      else pending?.reject(fromWireError(outcome.error))
    }
    this.#settleIdle()
  }

  #take(id: number): Pending | undefined {
    const pending = this.#pending.get(id)
    this.#pending.delete(id)
    this.#bytes -= pending?.bytes ?? 0
    return pending
  }

  #settleIdle(): void {
    if (this.#pending.size > 0) return
    this.#worker.unref()
    for (const resolve of this.#idle.splice(0)) resolve()
  }

  #lose(cause: Error): void {
    this.#lost ??= cause
    for (const [id, { isWrite, reject }] of this.#pending) {
      this.#take(id)
      reject(lostError(this.#lost, isWrite))
    }
    this.#settleIdle()
  }

  #full(): MayflyError {
    const { maxPending, maxPendingBytes } = this.#bounds
    const message = `more than ${maxPending} operations or ${maxPendingBytes} bytes wait for the database`
    return new MayflyError("store.queue-full", message, { details: { maxPending, maxPendingBytes, retryAfterMs: 100 } })
  }
}

/** A write that was under way may have been committed before its thread ended. */
function lostError(cause: Error, isWrite: boolean): MayflyError {
  const message = `the database thread is gone: ${cause.message}`
  return new MayflyError(isWrite ? "store.unknown-outcome" : "store.failed", message, { cause })
}
