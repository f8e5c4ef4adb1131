import { MayflyError } from "@mayfly/protocol"
import type { Run } from "@mayfly/runtime"
import type { CodeEnd, ScriptEvent, ScriptRun, ScriptSteps, Stamped } from "@mayfly/workflows"
import type { ScriptIsolate, Tenancy } from "./script-isolate.ts"
import { type CallbackKind, describeError, errorOf, type FromScript, type Given } from "./script-messages.ts"

export interface ScriptCall {
  readonly entry?: string
  readonly event: ScriptEvent
  readonly steps: ScriptSteps
}

/** A host process that dies says nothing about the script: the instance tries again elsewhere. */
const nobodysFault: ReadonlySet<string> = new Set(["worker.host-crashed", "worker.aborted", "worker.queue-full"])

interface Job {
  resolve(value: unknown): void
  reject(error: Error): void
}

/** One activation of a script, in an isolate of its own or in one that instances share. */
export class IsolateScriptRun implements ScriptRun, Tenancy {
  readonly ended: Promise<CodeEnd>
  readonly #isolate: ScriptIsolate
  readonly #steps: ScriptSteps
  readonly #onDispose: (hasEnded: boolean) => void
  readonly #isInnocent: () => boolean
  readonly #end = Promise.withResolvers<CodeEnd>()
  readonly #jobs = new Map<number, Job>()
  readonly #n: number
  #lastJob = 0
  #hasEnded = false
  #isDisposed = false

  /** `isInnocent` is asked when the isolate was lost: whether that may be another's fault, so that the activation is to be repeated. */
  constructor(
    isolate: ScriptIsolate,
    { entry, event, steps }: ScriptCall,
    { onDispose, isInnocent }: { onDispose(hasEnded: boolean): void; isInnocent(): boolean },
  ) {
    this.ended = this.#end.promise
    this.ended.catch(() => {})
    this.#isolate = isolate
    this.#steps = steps
    this.#onDispose = onDispose
    this.#isInnocent = isInnocent
    this.#n = isolate.enter(this)
    // Dates are no JSON: a number keeps the whole message in its quick form.
    const given = { ...event, timestamp: event.timestamp.getTime() }
    isolate.send({ op: "start", n: this.#n, event: given, ...(entry !== undefined && { entry }) })
  }

  turn(): Promise<boolean> {
    return this.#isolate.turn()
  }

  trace(): ReturnType<ScriptRun["trace"]> {
    return this.#isolate.trace()
  }

  dispose(): void {
    if (this.#isDisposed) return
    this.#isDisposed = true
    this.#isolate.leave(this.#n)
    this.#onDispose(this.#hasEnded)
  }

  onMessage(message: FromScript): void {
    switch (message.op) {
      case "ran":
        return this.#ran(message.job, message.given)
      case "end":
        this.#hasEnded = true
        return this.#end.resolve(endOf(message.given))
      default:
        this.#answer(message.id, this.#ask(message.op, message.id, message.given))
    }
  }

  onGone(end: { readonly run: Run } | { readonly error: unknown }): void {
    const cause = new Error("the isolate is gone")
    for (const job of this.#jobs.values()) job.reject(cause)
    this.#jobs.clear()
    if ("error" in end) return this.#notStarted(end.error)
    const { run } = end
    // It says how it ended before the run does; otherwise something ended it.
    if (!run.ok && (this.#isInnocent() || nobodysFault.has(run.error.code))) this.#end.reject(run.error)
    else this.#end.resolve(lost(run))
  }

  /** Code that does not compile is the instance's failure: a script may start children that nobody has compiled. */
  #notStarted(error: unknown): void {
    if (error instanceof MayflyError && !error.code.startsWith("platform.")) this.#end.resolve({ ok: false, error })
    else this.#end.reject(error)
  }

  #ask(op: Exclude<FromScript["op"], "ran" | "end">, id: number, given: Given): Promise<Stamped> {
    const { name, value } = given
    switch (op) {
      case "do":
        return this.#do(id, given)
      case "sleep":
        return this.#steps.sleep(name, value)
      case "sleepUntil":
        return this.#steps.sleepUntil(name, value)
      case "waitForEvent":
        return this.#steps.waitForEvent(name, value)
      case "workflow":
        return this.#steps.workflow(name, value)
    }
  }

  #do(id: number, { name, config, hasDelay, hasRollback, rollbackConfig }: Given): Promise<Stamped> {
    const callback = (kind: CallbackKind) => (context: unknown) => this.#perform(id, kind, context)
    return this.#steps.do({
      name,
      config: hasDelay === true ? withDelay(config, callback("delay")) : config,
      callback: callback("run"),
      ...(hasRollback === true && { rollback: callback("rollback"), rollbackConfig }),
    })
  }

  #answer(id: number, asked: Promise<Stamped>): void {
    asked.then(
      ({ value, at }) => {
        const result = { op: "result", n: this.#n, id, at } as const
        this.#isolate.send(value === undefined ? result : { ...result, value })
      },
      (error: unknown) => this.#isolate.send({ op: "failed", n: this.#n, id, error: describeError(error) }),
    )
  }

  #perform(id: number, kind: CallbackKind, context: unknown): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#isolate.isGone) return reject(new Error("the isolate is gone"))
      const job = ++this.#lastJob
      this.#jobs.set(job, { resolve, reject })
      this.#isolate.send({ op: "run", n: this.#n, job, id, kind, context })
    })
  }

  #ran(id: number, given: Given): void {
    const job = this.#jobs.get(id)
    this.#jobs.delete(id)
    if (given["error"] === undefined) job?.resolve(given["value"])
    else job?.reject(errorOf(given["error"]))
  }
}

function withDelay(config: unknown, delay: (context: unknown) => Promise<unknown>): unknown {
  const { retries, ...rest } = (config ?? {}) as { retries?: object }
  return { ...rest, retries: { ...retries, delay } }
}

function endOf({ error, value }: Given): CodeEnd {
  return error === undefined ? { ok: true, result: value } : { ok: false, error: errorOf(error) }
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
