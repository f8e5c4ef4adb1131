import { type LedgerRow, type LogLine, MayflyError } from "@mayfly/protocol"
import { decodeValue } from "@mayfly/protocol/clone"
import { RpcTarget, type Run, runWorker, type WorkerParts } from "@mayfly/runtime"
import type { CodeEnd, ScriptEvent, ScriptRun, ScriptSteps, Stamped } from "@mayfly/workflows"

export interface ScriptCall {
  readonly entry?: string
  readonly event: ScriptEvent
  readonly steps: ScriptSteps
}

type Tick = () => Promise<unknown>

/** What the isolate of a script may call. Every argument is hostile; `ScriptSteps` checks them. */
class ScriptTarget extends RpcTarget {
  readonly #steps: ScriptSteps
  readonly #onReady: (tick: Tick) => void
  readonly #onEnded: (end: unknown) => Promise<void>

  constructor(steps: ScriptSteps, onReady: (tick: Tick) => void, onEnded: (end: unknown) => Promise<void>) {
    super()
    this.#steps = steps
    this.#onReady = onReady
    this.#onEnded = onEnded
  }

  async ready(tick: unknown): Promise<void> {
    if (typeof tick === "function") this.#onReady(tick as Tick)
  }

  async ended(end: unknown): Promise<void> {
    await this.#onEnded(end)
  }

  do(step: unknown): Promise<Stamped> {
    return this.#steps.do((step ?? {}) as Parameters<ScriptSteps["do"]>[0])
  }

  sleep(name: unknown, duration: unknown): Promise<Stamped> {
    return this.#steps.sleep(name, duration)
  }

  sleepUntil(name: unknown, at: unknown): Promise<Stamped> {
    return this.#steps.sleepUntil(name, at)
  }

  waitForEvent(name: unknown, options: unknown): Promise<Stamped> {
    return this.#steps.waitForEvent(name, options)
  }

  workflow(name: unknown, options: unknown): Promise<Stamped> {
    return this.#steps.workflow(name, options)
  }
}

/** A host process that dies says nothing about the script: the instance tries again elsewhere. */
const nobodysFault: ReadonlySet<string> = new Set(["worker.host-crashed", "worker.aborted", "worker.queue-full"])

/** Runs a script in an isolate of its own for one activation. */
export function startScript(
  load: () => Promise<WorkerParts>,
  enter: (signal: AbortSignal) => Promise<() => void>,
  { entry, event, steps }: ScriptCall,
  signal: AbortSignal,
): ScriptRun {
  const ready = Promise.withResolvers<Tick>()
  const ended = Promise.withResolvers<CodeEnd>()
  const released = Promise.withResolvers<void>()
  const over = new AbortController()
  let hasEnded = false
  let logs: LogLine[] = []
  let egress: LedgerRow[] = []
  const watcher = {
    onLog: (line: LogLine) => void (logs.length < maxTraced && logs.push(line)),
    onEgress: (row: LedgerRow) => void (egress.length < maxTraced && egress.push(row)),
  }
  ready.promise.catch(() => {})
  ended.promise.catch(() => {})
  const target = new ScriptTarget(
    steps,
    (tick) => ready.resolve(tick),
    async (end) => {
      hasEnded = true
      ended.resolve(endOf(end))
      // The isolate stays for its compensations.
      await released.promise
    },
  )
  const run = async (): Promise<void> => {
    const setup = { ...(entry !== undefined && { entry }), seed: event.instanceId }
    const call = { signal: AbortSignal.any([signal, over.signal]) }
    const hooks = { decode: (text: string) => decodeValue(text), entry: "default", method: "run", watcher }
    const parts = await loadOrEnd()
    const leave = await enter(call.signal)
    const finished = await runWorker(parts, "run", [event, target, setup], call, hooks).finally(leave)
    ready.reject(new Error("the script is over"))
    // It says how it ended before the run does; otherwise something ended it.
    if (!finished.ok && nobodysFault.has(finished.error.code)) ended.reject(finished.error)
    else ended.resolve(lost(finished))
  }
  /** Code that does not compile is the instance's failure: a script may start children that nobody has compiled. */
  const loadOrEnd = async (): Promise<WorkerParts> => {
    try {
      return await load()
    } catch (error) {
      if (error instanceof MayflyError && !error.code.startsWith("platform.")) ended.resolve({ ok: false, error })
      throw error
    }
  }
  run().catch((error: unknown) => {
    ready.reject(error as Error)
    ended.reject(error as Error)
  })
  return {
    ended: ended.promise,
    turn: async () => {
      try {
        return (await (await ready.promise)()) === 0
      } catch {
        // The run is over; how is `ended`'s to say.
        return false
      }
    },
    trace() {
      const traced = { ...(logs.length > 0 && { logs }), ...(egress.length > 0 && { egress }) }
      logs = []
      egress = []
      return traced
    },
    dispose() {
      released.resolve()
      if (!hasEnded) over.abort(new DOMException("the activation is over", "AbortError"))
      else setTimeout(() => over.abort(new DOMException("the activation is over", "AbortError")), graceMs).unref()
    },
  }
}

/** A script that does not leave when all is done is ended. */
const graceMs = 1_000
/** Lines between the ends of two steps; more are dropped. */
const maxTraced = 1_000

function endOf(end: unknown): CodeEnd {
  const { ok, result, error } = (end ?? {}) as { ok?: unknown; result?: unknown; error?: unknown }
  return ok === true ? { ok: true, result } : { ok: false, error }
}

function lost(run: Run): CodeEnd {
  const { logs, usage, egress } = run
  const error = run.ok ? new Error("the script's run ended without saying how") : ownWords(run.error)
  return { ok: false, error, logs, usage, egress }
}

function ownWords(error: MayflyError): MayflyError {
  if (error.code !== "worker.unsettled") return error
  return new MayflyError("workflow.unsettled", "the script waits for something that can never happen", { cause: error })
}
