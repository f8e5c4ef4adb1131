import type { DynamicWorker, Run, RunOptions } from "@mayfly/runtime"
import type { RunTrace } from "@mayfly/workflows"

/** What `ctx.createWorker` gives: a worker whose runs end with the step and appear in its history. Each run has a fresh isolate. */
export class StepWorker {
  readonly #worker: DynamicWorker
  readonly #signal: AbortSignal
  readonly #onRun: (trace: RunTrace) => void

  constructor(worker: DynamicWorker, signal: AbortSignal, onRun: (trace: RunTrace) => void) {
    this.#worker = worker
    this.#signal = signal
    this.#onRun = onRun
  }

  get hash(): string {
    return this.#worker.hash
  }

  async run(input?: unknown, options: RunOptions = {}): Promise<unknown> {
    const run = await this.execute(input, options)
    if (run.ok) return run.result
    throw run.error
  }

  async execute(input?: unknown, options: RunOptions = {}): Promise<Run> {
    const run = await this.#worker.execute(input, { ...options, signal: this.#signalFor(options.signal) })
    const { logs, usage, egress } = run
    this.#onRun({ logs, usage, egress })
    return run
  }

  async fetch(request: Request | string | URL, init: RequestInit = {}): Promise<Response> {
    return this.#worker.fetch(request, { ...init, signal: this.#signalFor(init.signal ?? undefined) })
  }

  async dispose(): Promise<void> {
    await this.#worker.dispose()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose()
  }

  #signalFor(given: AbortSignal | undefined): AbortSignal {
    return given === undefined ? this.#signal : AbortSignal.any([this.#signal, given])
  }
}
