import { Worker } from "node:worker_threads"
import { missing } from "../agent/base-environment.ts"
import type { CommandJob, CommandOutcome, FromThread, ThreadOptions, ToThread } from "./command-job.ts"
import type { RequestRelay } from "./request-relay.ts"

/** Threads that run a command at once; other commands wait. */
const maxThreads = 8
const maxIdle = 1
const maxWaiting = 1_000
/** What a command that was told to end gets for that; then its thread is ended. */
const graceMs = 250

export interface CommandThreadsOptions extends ThreadOptions {
  readonly relay: RequestRelay
}

/** How a command ended: by itself, or its thread was. */
export type Ending = CommandOutcome | { readonly killed: true; readonly reason: string }

/** Runs commands in threads. One that loops or fills its memory loses its thread, and nobody else notices. */
export class CommandThreads {
  readonly #options: CommandThreadsOptions
  readonly #idle: CommandThread[] = []
  readonly #waiting: (() => void)[] = []
  #running = 0

  constructor(options: CommandThreadsOptions) {
    this.#options = options
    this.#idle.push(this.#make())
  }

  get running(): number {
    return this.#running
  }

  /** Rejects when too many wait. When the signal aborts, the command is told to end, and ended if it does not. */
  async run(job: CommandJob, signal: AbortSignal): Promise<Ending> {
    await this.#turn()
    try {
      if (signal.aborted) return { killed: true, reason: "it was ended before it began" }
      const thread = this.#idle.pop() ?? this.#make()
      const ending = await thread.run(job, signal)
      if (!thread.isOver && this.#idle.length < maxIdle) this.#idle.push(thread)
      else thread.end()
      return ending
    } finally {
      this.#running--
      this.#waiting.shift()?.()
    }
  }

  async #turn(): Promise<void> {
    if (this.#waiting.length >= maxWaiting) throw missing("EAGAIN", `${maxWaiting} commands wait already`)
    if (this.#running >= maxThreads) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    this.#running++
  }

  #make(): CommandThread {
    return new CommandThread(this.#options)
  }
}

class CommandThread {
  readonly #worker: Worker
  readonly #relay: RequestRelay
  readonly #requests = new Map<number, AbortController>()
  #settle: (ending: Ending) => void = () => {}
  isOver = false

  constructor({ relay, ...options }: CommandThreadsOptions) {
    this.#relay = relay
    this.#worker = new Worker(new URL("command-thread.mjs", import.meta.url), {
      workerData: options,
      env: {},
      resourceLimits: { maxOldGenerationSizeMb: Math.max(64, Math.floor(options.memoryMb / 2)) },
      stdout: true,
      stderr: true,
    })
    this.#worker.on("message", (message: FromThread) => this.#receive(message))
    this.#worker.on("error", (error) => this.#over(reasonOf(error)))
    this.#worker.on("exit", () => this.#over("its thread has ended"))
  }

  async run(job: CommandJob, signal: AbortSignal): Promise<Ending> {
    let timer: NodeJS.Timeout | undefined
    const abort = (): void => {
      this.#send({ kind: "abort" })
      timer = setTimeout(() => this.#over("it did not end when it was told to"), graceMs)
    }
    signal.addEventListener("abort", abort, { once: true })
    try {
      return await new Promise<Ending>((resolve) => {
        this.#settle = resolve
        if (this.isOver) return resolve({ killed: true, reason: "its thread could not start" })
        this.#send({ kind: "run", job })
      })
    } finally {
      clearTimeout(timer)
      signal.removeEventListener("abort", abort)
      for (const request of this.#requests.values()) request.abort()
      this.#requests.clear()
    }
  }

  end(): void {
    this.#over("its thread was ended")
  }

  #send(message: ToThread): void {
    if (!this.isOver) this.#worker.postMessage(message)
  }

  #receive(message: FromThread): void {
    switch (message.kind) {
      case "done":
        return this.#settle(message.outcome)
      case "failed":
        return this.#over(message.message)
      case "request":
        return void this.#request(message.id, message.request)
      case "forget":
        this.#requests.get(message.id)?.abort()
        return
      case "ready":
        return
    }
  }

  async #request(id: number, request: Extract<FromThread, { kind: "request" }>["request"]): Promise<void> {
    const abort = new AbortController()
    this.#requests.set(id, abort)
    try {
      this.#send({ kind: "answer", id, response: await this.#relay.send(request, abort.signal) })
    } catch (error) {
      this.#send({ kind: "refused", id, message: (error as Error).message })
    } finally {
      this.#requests.delete(id)
    }
  }

  #over(reason: string): void {
    if (this.isOver) return
    this.isOver = true
    void this.#worker.terminate()
    this.#settle({ killed: true, reason })
  }
}

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  return code === "ERR_WORKER_OUT_OF_MEMORY" ? "it used too much memory" : message
}
