import type { Run, RunEvent, RunOptions } from "@mayfly/protocol"
import { EventQueue } from "./event-queue.ts"
import type { GuestValues } from "./guest-values.ts"
import { withResolvers } from "./with-resolvers.ts"
import { checkRunOptions, type RunHooks } from "./worker-run.ts"

/** A run as events. Leaving the loop cancels it, and waits until it is over. */
export async function* streamRun(
  options: RunOptions,
  execute: (options: RunOptions, hooks: StreamHooks) => Promise<Run>,
): AsyncGenerator<RunEvent, void, void> {
  checkRunOptions(options)
  const events = new EventQueue<RunEvent>()
  const abort = new AbortController()
  const signal = options.signal === undefined ? abort.signal : AbortSignal.any([abort.signal, options.signal])
  const ended = withResolvers<unknown>()
  const pump = new ValuePump(events)
  const hooks: StreamHooks = {
    watcher: {
      onLog: (line) => events.push({ type: "log", ...line }),
      onEgress: (row) => events.push({ type: "egress", row }),
    },
    onValues: (values) => pump.start(values),
    onEnd: ended.resolve,
  }
  const finished = execute({ ...options, signal }, hooks).finally(() => events.close())
  finished.catch(ended.resolve)
  try {
    yield* events
    const run = await finished
    yield run.ok ? { type: "result", result: run.result, run } : { type: "error", error: run.error, run }
  } finally {
    abort.abort()
    await ended.promise
  }
}

type StreamHooks = Pick<RunHooks, "watcher" | "onValues" | "onEnd">

/** Asks for the next value when the consumer waits and nothing else is there: a program is never ahead of its reader. */
class ValuePump {
  readonly #events: EventQueue<RunEvent>
  #values: GuestValues | undefined
  #isAsking = false

  constructor(events: EventQueue<RunEvent>) {
    this.#events = events
    events.onEmpty = () => void this.#ask()
  }

  start(values: GuestValues): void {
    this.#values = values
    if (this.#events.isAwaited) void this.#ask()
  }

  async #ask(): Promise<void> {
    if (this.#values === undefined || this.#isAsking) return
    this.#isAsking = true
    try {
      const next = await this.#values.next()
      if (next === undefined) this.#values = undefined
      else this.#events.push({ type: "value", ...next })
    } catch {
      // The run's end says what happened.
      this.#values = undefined
    }
    this.#isAsking = false
  }
}
