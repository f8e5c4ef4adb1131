import type { GivenAbout } from "@mayfly/protocol"
import { defaultRetries, defaultTimeoutMs } from "../core/retry.ts"
import type { Attempt } from "../core/step-host.ts"
import { duration, eventType, only, record, stepName } from "../define/check.ts"
import { parseAbout } from "../define/hook-about.ts"
import { parseRetries } from "../define/parse-retries.ts"
import { type AttemptDetail, endOf } from "./attempt-end.ts"
import { valueOf } from "./settled.ts"
import type { RunTrace } from "./step-runner.ts"

/** A dynamic worker whose runs end with the step and appear in its history. Each run has a fresh isolate. */
export interface StepWorker extends AsyncDisposable {
  /** The program's result. Rejects with a coded error. */
  run(input?: unknown, options?: object): Promise<unknown>
  fetch(request: Request | string | URL, init?: RequestInit): Promise<Response>
  dispose(): Promise<void>
}

/** A workspace with a shell and files, as far as steps need one. What is made in it stays after the step. */
export interface StepSandbox {
  readonly id: string
  exec(
    command: string | readonly string[],
    options?: {
      readonly cwd?: string
      readonly env?: Readonly<Record<string, string>>
      readonly stdin?: string | Uint8Array
      readonly timeoutMs?: number
      readonly signal?: AbortSignal
    },
  ): Promise<{ readonly exitCode: number; readonly success: boolean; readonly stdout: string; readonly stderr: string }>
  readonly files: {
    read(path: string, options: { readonly encoding: "utf8" }): Promise<string>
    read(path: string): Promise<Uint8Array>
    write(path: string, data: string | Uint8Array | AsyncIterable<Uint8Array>): Promise<number>
    list(path?: string): Promise<readonly { readonly path: string; readonly type: string; readonly size: number }[]>
    mkdir(path: string): Promise<void>
    remove(path: string, options?: { readonly recursive?: boolean }): Promise<void>
    rename(path: string, to: string): Promise<void>
    exists(path: string): Promise<boolean>
  }
  stop(): Promise<void>
  destroy(): Promise<void>
}

/** What a closure gets. Steps inside it (`do`, `sleep`, `waitForEvent`) are kept when it runs again. */
export interface StepContext {
  readonly input: unknown
  readonly params: unknown
  readonly instanceId: string
  /** Results of the steps before, by name. */
  readonly results: Readonly<Record<string, unknown>>
  /** The result of the step before. */
  readonly previous: unknown
  /** From 1. */
  readonly attempt: number
  readonly step: { readonly name: string; readonly count: number }
  /** The same for all attempts, also after a crash. Give it to services that can recognise a repeated request. */
  readonly idempotencyKey: string
  /** Aborted when the step's time is over or the instance ends. */
  readonly signal: AbortSignal
  /** A dynamic worker; its runs appear in the history and end with the step. */
  createWorker(options: string | object): Promise<StepWorker>
  /** A sandbox of the workflow's tenant, made with these options when it is not there. It outlives the step. */
  sandbox(id: string, options?: object): Promise<StepSandbox>
  sleep(duration: unknown): Promise<void>
  waitForEvent(type: string, options?: GivenAbout & { readonly timeout?: unknown }): Promise<unknown>
  /** A step inside the step: its result is kept when the step runs again. */
  do(name: string, body: (context: StepContext) => unknown): Promise<unknown>
  do(name: string, config: object, body: (context: StepContext) => unknown): Promise<unknown>
}

export interface ContextParts {
  readonly attempt: Attempt
  readonly call: {
    readonly input: unknown
    readonly results: ReadonlyMap<string, unknown>
    readonly previous: unknown
  }
  readonly detail: AttemptDetail & { runs: RunTrace[] }
  /** The same for all steps. */
  readonly instance: {
    readonly instanceId: string
    readonly params: unknown
    createWorker(options: string | object, signal: AbortSignal, onRun: (trace: RunTrace) => void): Promise<StepWorker>
    sandbox(id: string, options?: object): Promise<StepSandbox>
  }
}

const maxRuns = 1_000

export function stepContext(parts: ContextParts): StepContext {
  const { attempt, call, detail, instance } = parts
  const onRun = (trace: RunTrace): void => {
    if (detail.runs.length < maxRuns) detail.runs.push(trace)
  }
  return {
    input: call.input,
    params: instance.params,
    instanceId: instance.instanceId,
    // Made when asked for: a list may have thousands of steps.
    get results() {
      return Object.fromEntries(call.results)
    },
    previous: call.previous,
    attempt: attempt.attempt,
    idempotencyKey: attempt.idempotencyKey,
    // Likewise.
    get step() {
      return { name: attempt.name, count: attempt.count }
    },
    get signal() {
      return attempt.signal
    },
    createWorker: (options) => instance.createWorker(options, attempt.signal, onRun),
    sandbox: (id, options) => instance.sandbox(id, options),
    sleep: async (value) => void (await valueOf(attempt.inner.sleep("sleep", { ms: duration(value, "sleep") }))),
    waitForEvent: async (type, options = {}) => {
      const given = record(options, "waitForEvent options")
      const { timeout = 86_400_000 } = given
      const about = parseAbout(given, "waitForEvent options")
      const step = {
        name: eventType(type, "waitForEvent"),
        type: eventType(type, "waitForEvent"),
        timeoutMs: duration(timeout, "waitForEvent timeout"),
        ...(about !== undefined && { about }),
      }
      return valueOf(attempt.inner.waitForEvent(step))
    },
    do: async (name: string, ...rest: readonly unknown[]) => {
      const { body, config } = parseDo(rest)
      const run = (one: Attempt) =>
        endOf({}, () =>
          (body as (context: StepContext) => unknown)(
            stepContext({ ...parts, attempt: one, call: { ...call, input: undefined } }),
          ),
        )
      return valueOf(attempt.inner.do({ name: stepName(name, "step name"), config, run }))
    },
  }
}

/** `(body)` or `(config, body)`. */
function parseDo(rest: readonly unknown[]) {
  const [first, second] = rest
  const body = typeof first === "function" ? first : second
  if (typeof body !== "function") throw new TypeError("a step needs a function")
  const given = typeof first === "function" || first === undefined ? {} : record(first, "step config")
  only(given, ["retries", "timeout"], "step config")
  const { retries, timeout } = given
  const config = {
    retries: retries === undefined ? defaultRetries : parseRetries(retries, "retries"),
    timeoutMs: timeout === undefined ? defaultTimeoutMs : duration(timeout, "timeout"),
    atMostOnce: false,
  }
  return { body, config }
}
