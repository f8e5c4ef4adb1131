import type { LedgerRow, LogLine } from "@mayfly/protocol"
import { decodeGuestValue, RpcTarget, type Run, runWorker, type WorkerParts } from "@mayfly/runtime"
import type { RunTrace } from "@mayfly/workflows"
import { type FromScript, readMessage, type ToScript } from "./script-messages.ts"

/** What an instance hears of its isolate. */
export interface Tenancy {
  onMessage(message: FromScript): void
  /** The isolate is gone, or was never there: nothing more comes. `end` says how its run ended, or why there was none. */
  onGone(end: { readonly run: Run } | { readonly error: unknown }): void
}

export interface ScriptIsolateOptions {
  load(): Promise<WorkerParts>
  /** Waits for a place. */
  enter(signal: AbortSignal): Promise<() => void>
  readonly setup: { readonly isShared: boolean; readonly seed: string; readonly at: number }
  /** The isolate has ended. */
  onEnd?(): void
}

type Receive = (messages: readonly ToScript[], isLost: boolean) => Promise<unknown>

/** What the isolate may call. Every argument is hostile. */
class ScriptHost extends RpcTarget {
  readonly #onOpen: (receive: Receive) => Promise<void>
  readonly #onMessages: (messages: unknown) => void

  constructor(onOpen: (receive: Receive) => Promise<void>, onMessages: (messages: unknown) => void) {
    super()
    this.#onOpen = onOpen
    this.#onMessages = onMessages
  }

  async open(receive: unknown): Promise<void> {
    if (typeof receive === "function") await this.#onOpen(receive as Receive)
  }

  tell(messages: unknown): void {
    this.#onMessages(messages)
  }
}

/** In one exchange: more go with the next. */
const maxMessages = 1_000
/** Lines between the ends of two steps; more are dropped. */
const maxTraced = 1_000
/** An isolate that does not leave when all is done is ended. */
const graceMs = 1_000

/** One isolate with scripts in it. What is said goes in batches, one exchange at a time; each is one turn of the isolate. */
export class ScriptIsolate {
  readonly startedAt = performance.now()
  readonly #tenants = new Map<number, Tenancy>()
  readonly #opened = Promise.withResolvers<Receive>()
  readonly #released = Promise.withResolvers<void>()
  readonly #over = new AbortController()
  #queue: ToScript[] = []
  #turns: ((isQuiet: boolean) => void)[] = []
  #isExchanging = false
  #isGone = false
  #served = 0
  readonly #isShared: boolean
  #logs: LogLine[] = []
  #egress: LedgerRow[] = []

  constructor(options: ScriptIsolateOptions) {
    this.#isShared = options.setup.isShared
    this.#opened.promise.catch(() => {})
    void this.#run(options).then((end) => {
      this.#isGone = true
      options.onEnd?.()
      this.#opened.reject(new Error("the isolate is gone"))
      const tenants = [...this.#tenants.values()]
      this.#tenants.clear()
      for (const tenant of tenants) tenant.onGone(end)
    })
  }

  get isGone(): boolean {
    return this.#isGone
  }

  /** Instances that are in it. */
  get size(): number {
    return this.#tenants.size
  }

  /** Instances that were ever in it. */
  get served(): number {
    return this.#served
  }

  /** Takes an instance in; the number is its name here. */
  enter(tenant: Tenancy): number {
    this.#tenants.set(++this.#served, tenant)
    return this.#served
  }

  /** Lets go of an instance: it is told nothing more. */
  leave(n: number): void {
    if (this.#tenants.delete(n) && this.#isShared) this.send({ op: "forget", n })
  }

  send(message: ToScript): void {
    if (this.#isGone) return
    this.#queue.push(message)
    this.#exchangeSoon()
  }

  /** Resolves when the isolate has done all it can with what it was sent: true when it has nothing of its own under way either. */
  turn(): Promise<boolean> {
    if (this.#isGone) return Promise.resolve(false)
    return new Promise((resolve) => {
      this.#turns.push(resolve)
      this.#exchangeSoon()
    })
  }

  /** What was printed and requested since this was called last. */
  trace(): RunTrace {
    const [logs, egress] = [this.#logs, this.#egress]
    this.#logs = []
    this.#egress = []
    return { ...(logs.length > 0 && { logs }), ...(egress.length > 0 && { egress }) }
  }

  /** Not needed any more. Calling twice is safe. */
  release(): void {
    this.#released.resolve()
    setTimeout(() => this.abort(), graceMs).unref()
  }

  abort(): void {
    this.#over.abort(new DOMException("the activation is over", "AbortError"))
  }

  async #run({ load, enter, setup }: ScriptIsolateOptions): Promise<{ run: Run } | { error: unknown }> {
    const host = new ScriptHost(
      (receive) => {
        this.#opened.resolve(receive)
        return this.#released.promise
      },
      (messages) => this.#takeMessages(messages),
    )
    const watcher = {
      onLog: (line: LogLine) => void (this.#logs.length < maxTraced && this.#logs.push(line)),
      onEgress: (row: LedgerRow) => void (this.#egress.length < maxTraced && this.#egress.push(row)),
    }
    const hooks = { decode: (text: string) => decodeGuestValue(text), entry: "default", method: "run", watcher }
    const { signal } = this.#over
    try {
      const parts = await load()
      const leave = await enter(signal)
      return { run: await runWorker(parts, "run", [host, setup], { signal }, hooks).finally(leave) }
    } catch (error) {
      return { error }
    }
  }

  #exchangeSoon(): void {
    if (this.#isExchanging) return
    this.#isExchanging = true
    void this.#exchange()
  }

  async #exchange(): Promise<void> {
    try {
      const receive = await this.#opened.promise
      while (this.#queue.length > 0 || this.#turns.length > 0) {
        // What else comes in this turn of ours goes along.
        await new Promise((resolve) => setImmediate(resolve))
        const turns = this.#queue.length > maxMessages ? [] : this.#turns.splice(0)
        const busy = await this.#say(receive, this.#queue.splice(0, maxMessages))
        for (const resolve of turns) resolve(busy === 0)
      }
    } catch {
      // The isolate is gone; how is its run's to say.
      for (const resolve of this.#turns.splice(0)) resolve(false)
      this.#queue = []
    }
    this.#isExchanging = false
  }

  async #say(receive: Receive, messages: readonly ToScript[]): Promise<number> {
    const answer = await receive(messages, false).catch(() => receive([], true))
    const { messages: said, busy } = (answer ?? {}) as { messages?: unknown; busy?: unknown }
    this.#takeMessages(said)
    return typeof busy === "number" ? busy : 1
  }

  #takeMessages(messages: unknown): void {
    if (!Array.isArray(messages)) return
    for (const given of messages) {
      const message = readMessage(given)
      if (message !== undefined) this.#tenants.get(message.n)?.onMessage(message)
    }
  }
}
