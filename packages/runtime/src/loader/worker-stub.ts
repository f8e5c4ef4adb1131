import type { Limits, Run, RunOptions } from "@mayfly/protocol"
import { decodeHandlerResult, responseOf } from "../worker/handler-answer.ts"
import type { WorkerResponse } from "../socket/worker-response.ts"
import { DurableObjectClass } from "../objects/durable-object-class.ts"
import { requestToWire } from "../worker/wire-message.ts"
import { type RunHooks, runWorker, type WorkerParts } from "../worker/worker-run.ts"
import { outboundEgress } from "./outbound.ts"
import { traceItem } from "./trace-item.ts"
import { lowerLimits, type ParsedCode, type TraceItem } from "./worker-code.ts"

export interface EntrypointOptions {
  /** `ctx.props` of the guest. */
  readonly props?: unknown
  /** Each may only be lower than the worker's own. */
  readonly limits?: Partial<Limits>
}

/** A loaded worker's entrypoint: `fetch`, and any other method as RPC. */
export interface Entrypoint {
  fetch(request: Request | string | URL, init?: RequestInit): Promise<WorkerResponse>
  readonly [method: string]: (...args: never[]) => Promise<unknown>
}

/** A worker that is loaded, or about to be. */
export interface LoadedWorker {
  readonly parts: WorkerParts
  readonly code: ParsedCode
}

/** Stands for a worker. Nothing is loaded before its first call; a failure to load reaches every caller. */
export class WorkerStub {
  readonly #load: () => Promise<LoadedWorker>
  readonly #reuse: boolean

  constructor(load: () => Promise<LoadedWorker>, reuse: boolean) {
    this.#load = load
    this.#reuse = reuse
  }

  /** `name` is an export; null, undefined and "default" mean the default one. A missing one is an error of the call. */
  getEntrypoint(name?: string | null, options: EntrypointOptions = {}): Entrypoint {
    const entry = name ?? "default"
    const target = {
      fetch: (request: Request | string | URL, init?: RequestInit) =>
        this.#fetch(entry, new Request(request, init), options),
    }
    return new Proxy(target as unknown as Entrypoint, {
      get: (own, method) => {
        if (typeof method === "symbol" || method === "then") return undefined
        return method === "fetch" ? own.fetch : (...args: unknown[]) => this.#call(entry, method, args, options)
      },
    })
  }

  /** The exported class `name` (default: the default export) for a facet: `ctx.facets.get(name, () => ({ class }))`. */
  getDurableObjectClass(name?: string | null, options: EntrypointOptions = {}): DurableObjectClass {
    return new DurableObjectClass(name ?? "default", options, this.#load)
  }

  async #fetch(entry: string, request: Request, options: EntrypointOptions): Promise<WorkerResponse> {
    const worker = await this.#load()
    const wire = await requestToWire(request)
    const event = { request: { url: request.url, method: request.method } }
    return responseOf((onAnswer) => {
      const hooks = { decode: decodeHandlerResult, onAnswer, entry }
      return this.#run(worker, { call: "fetch", argument: wire, event }, { ...options, signal: request.signal }, hooks)
    })
  }

  async #call(entry: string, method: string, args: readonly unknown[], options: EntrypointOptions): Promise<unknown> {
    const worker = await this.#load()
    const hooks: RunHooks = { decode: (text, session) => session.decodeResult(text), entry, method, gives: "stubs" }
    const run = await this.#run(worker, { call: "run", argument: args, event: { rpcMethod: method } }, options, hooks)
    if (run.ok) return run.result
    throw run.error
  }

  async #run(
    { parts, code }: LoadedWorker,
    what: { call: "run" | "fetch"; argument: unknown; event: TraceItem["event"] },
    options: EntrypointOptions & { signal?: AbortSignal },
    hooks: RunHooks,
  ): Promise<Run> {
    const startedAt = Date.now()
    const { props, limits, signal } = options
    const runOptions: RunOptions = {
      reuse: this.#reuse,
      limits: lowerLimits(code.worker.limits, limits),
      ...(signal === undefined ? {} : { signal }),
      ...(props === undefined ? {} : { props }),
    }
    const egress = code.outbound === undefined ? {} : { egress: outboundEgress(code.outbound) }
    const onEnd = (run: Run): void => {
      const item = traceItem(run, what.event, startedAt)
      for (const tail of code.tails) void tell(tail, item)
    }
    return runWorker(parts, what.call, what.argument, runOptions, { ...hooks, ...egress, onEnd })
  }
}

/** A tail that fails must not hurt the worker that it watches. */
export async function tell(tail: ParsedCode["tails"][number], item: TraceItem): Promise<void> {
  try {
    await tail.tail([item])
  } catch {
    // Its own affair.
  }
}
