import { defaultRetries, defaultTimeoutMs } from "../core/retry.ts"
import type { Attempt, AttemptEnd, Compensation, DoConfig, StepHost } from "../core/step-host.ts"
import { duration, eventType, invalid, moment, only, record, stepName } from "../define/check.ts"
import { aboutOptions, parseAbout } from "../define/hook-about.ts"
import { decode, errorOf, readFailure } from "../define/codec.ts"
import { parseDefinition } from "../define/parse-workflow.ts"
import { parseRetries } from "../define/parse-retries.ts"
import type { WorkerProgram, WorkflowDefinition } from "../define/definition.ts"
import { confine } from "./confine.ts"
import { type AttemptDetail, endOf, failed } from "./attempt-end.ts"
import { type Stamped, stampedValueOf } from "./settled.ts"
import type { RunTrace } from "./step-runner.ts"

/** A callback of the guest's. It may reject, and its answer may be anything. */
type Callback = (context: unknown) => Promise<unknown>

/** What a guest may say about a step. */
export interface GuestDo {
  readonly name: unknown
  readonly config: unknown
  readonly callback: unknown
  readonly rollback?: unknown
  readonly rollbackConfig?: unknown
}

export interface ScriptStepsParts {
  startChild(name: string, definition: WorkflowDefinition, params: unknown): unknown
  /** What the script has printed and requested since this was called last: it goes to the attempt that ends then. */
  trace(): RunTrace
}

/**
 * `step` of a script, as the guest's calls arrive: every argument is hostile. Names and meanings are Cloudflare's; what they reject is thrown here as well,
 * and fails the instance unless the script catches it.
 */
export class ScriptSteps {
  readonly #host: StepHost
  readonly #own: WorkerProgram | undefined
  readonly #startChild: ScriptStepsParts["startChild"]
  readonly #trace: ScriptStepsParts["trace"]

  /** `own` is the script's program: what it starts gets no more than it has itself. Code of the host's has none. */
  constructor(host: StepHost, own: WorkerProgram | undefined, { startChild, trace }: ScriptStepsParts) {
    this.#host = host
    this.#own = own
    this.#startChild = startChild
    this.#trace = trace
  }

  async do({ name, config, callback, rollback, rollbackConfig }: GuestDo): Promise<Stamped> {
    const { parsed, delay } = parseConfig(config, "step config")
    if (typeof callback !== "function") throw invalid("callback", "must be a function")
    const run = (attempt: Attempt) => this.#attempt(callback as Callback, contextOf(attempt, parsed), delay)
    return stampedValueOf(
      this.#host.do({
        name: stepName(name, "step name"),
        config: parsed,
        run,
        ...(typeof rollback === "function" && {
          compensation: this.#compensation(rollback as Callback, rollbackConfig),
        }),
      }),
    )
  }

  async sleep(name: unknown, value: unknown): Promise<Stamped> {
    return stampedValueOf(this.#host.sleep(stepName(name, "step name"), { ms: duration(value, "duration") }))
  }

  async sleepUntil(name: unknown, value: unknown): Promise<Stamped> {
    return stampedValueOf(this.#host.sleep(stepName(name, "step name"), { until: moment(value, "timestamp") }))
  }

  async waitForEvent(name: unknown, options: unknown): Promise<Stamped> {
    const given = record(options, "waitForEvent options")
    only(given, ["type", "timeout", "sensitive", ...aboutOptions], "waitForEvent options")
    const { timeout = 86_400_000 } = given
    const about = parseAbout(given, "waitForEvent options")
    const step = {
      name: stepName(name, "step name"),
      type: eventType(given["type"], "type"),
      timeoutMs: duration(timeout, "timeout"),
      ...(about !== undefined && { about }),
    }
    return stampedValueOf(this.#host.waitForEvent(step))
  }

  /** Beyond Cloudflare: another instance, waited for. */
  async workflow(name: unknown, options: unknown): Promise<Stamped> {
    const { params, ...given } = record(options, "workflow options")
    const state = { names: new Set<string>(), closures: new Map(), count: 0 }
    const definition = parseDefinition(given, "workflow", state, "")
    if (state.closures.size > 0) throw invalid("workflow", "must be made of code: a script can't give functions")
    const parsed = stepName(name, "step name")
    const confined = this.#own === undefined ? definition : confine(definition, this.#own)
    return stampedValueOf(this.#host.child(parsed, this.#startChild(parsed, confined, params)))
  }

  async #attempt(callback: Callback, context: unknown, delay: Callback | undefined): Promise<AttemptEnd> {
    const end = await this.#traced(() => callback(context))
    if (end.ok || !end.isRetryable || delay === undefined) return end
    return dynamicDelay(end, context, delay)
  }

  #compensation(rollback: Callback, config: unknown): Compensation {
    const { parsed } = parseConfig(config, "rollbackConfig")
    return {
      config: { ...parsed, atMostOnce: false },
      run: (attempt, { failure, output }) => {
        const about = {
          ctx: contextOf(attempt, parsed),
          error: errorOf(readFailure(failure)),
          output: output === undefined ? undefined : decode(output),
          stepName: attempt.name,
        }
        return this.#traced(async () => void (await rollback(about)))
      },
    }
  }

  #traced(body: () => Promise<unknown>): Promise<AttemptEnd> {
    const detail: AttemptDetail = {}
    return endOf(detail, async () => {
      try {
        return await body()
      } finally {
        const { logs, egress } = this.#trace()
        if (logs !== undefined || egress !== undefined) detail.runs = [{ logs, egress }]
      }
    })
  }
}

function parseConfig(value: unknown, path: string): { parsed: DoConfig; delay: Callback | undefined } {
  const given = value === undefined || value === null ? {} : record(value, path)
  only(given, ["retries", "timeout", "sensitive", "atMostOnce"], path)
  const { timeout, atMostOnce } = given
  const retries = given["retries"] === undefined ? undefined : record(given["retries"], `${path}.retries`)
  const delay = typeof retries?.["delay"] === "function" ? (retries["delay"] as Callback) : undefined
  const plain = delay === undefined ? retries : { ...retries, delay: defaultRetries.delayMs }
  const timeoutMs = timeout === undefined ? defaultTimeoutMs : duration(timeout, `${path}.timeout`)
  if (timeoutMs === 0) throw invalid(`${path}.timeout`, "must be more than 0")
  const parsed = {
    retries: plain === undefined ? defaultRetries : parseRetries(plain, `${path}.retries`),
    timeoutMs,
    atMostOnce: atMostOnce === true,
  }
  return { parsed, delay }
}

/** Cloudflare's `ctx` of a step's callback. */
function contextOf({ name, count, attempt, idempotencyKey }: Attempt, { retries, timeoutMs }: DoConfig): unknown {
  const config = {
    retries: { limit: retries.limit, delay: retries.delayMs, backoff: retries.backoff },
    timeout: timeoutMs,
  }
  return { step: { name, count }, attempt, config, idempotencyKey }
}

const delayBudgetMs = 5_000

/** A delay that the script decides has a budget, and is fatal when it fails, as at Cloudflare. */
async function dynamicDelay(
  end: Extract<AttemptEnd, { ok: false }>,
  ctx: unknown,
  delay: Callback,
): Promise<AttemptEnd> {
  let timer: NodeJS.Timeout | undefined
  try {
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`took longer than ${delayBudgetMs} ms`)), delayBudgetMs)
    })
    const value = await Promise.race([delay({ ctx, error: errorOf(readFailure(end.failure)) }), late])
    return { ...end, delayMs: duration(value, "delay") }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    const failure = Object.assign(new Error(`the function for the delay failed: ${why}`), {
      name: "NonRetryableDelayError",
    })
    return { ...end, ...failed(failure, {}), isRetryable: false } as AttemptEnd
  } finally {
    clearTimeout(timer)
  }
}
