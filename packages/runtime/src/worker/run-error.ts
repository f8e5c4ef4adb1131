import { type ErrorCode, errorTable, type Limits, MayflyError } from "@mayfly/protocol"
import type { GuestFailure } from "../guest/guest-error.ts"
import type { LimitKind, PoolOutcome } from "../pool/isolate-pool.ts"
import type { GuestStack } from "./guest-stack.ts"

interface FailedRun {
  readonly limits: Limits
  readonly stack: GuestStack
  readonly hasEffects: boolean
  readonly abortReason: unknown
  /** Codes of the failures that the run's own requests and calls were answered with. */
  readonly answeredCodes: ReadonlySet<string>
}

const limitErrors = {
  cpu: { code: "worker.cpu-limit", limit: "cpuMs", unit: "ms of CPU" },
  memory: { code: "worker.memory-limit", limit: "memoryMb", unit: "MiB of memory" },
  wall: { code: "worker.wall-limit", limit: "wallMs", unit: "ms" },
  log: { code: "worker.log-limit", limit: "logBytes", unit: "bytes of logs" },
  output: { code: "worker.output-limit", limit: "outputBytes", unit: "bytes of output" },
  requests: { code: "worker.subrequest-limit", limit: "subRequests", unit: "requests" },
  calls: { code: "worker.binding-limit", limit: "bindingCalls", unit: "binding calls" },
} as const satisfies Record<LimitKind, { code: ErrorCode; limit: keyof Limits; unit: string }>

/** The coded error of a run that did not give a result. */
export function runError(outcome: Exclude<PoolOutcome, { kind: "result" }>, run: FailedRun): MayflyError {
  switch (outcome.kind) {
    case "failure":
      return guestFailure(outcome.text, run)
    case "limit":
      return limitError(outcome.limit, outcome.used, run)
    case "unsettled":
      return new MayflyError(
        "worker.unsettled",
        "the program's promise never settled: no timer, request or call is pending",
      )
    case "crashed":
      return crashError(outcome.reason, outcome.isSuspect, run)
    case "aborted":
      return abortError(run)
  }
}

function abortError(run: FailedRun): MayflyError {
  const { abortReason: cause } = run
  return new MayflyError("worker.aborted", `the run was cancelled${because(cause)}`, { cause, retry: !run.hasEffects })
}

export function limitError(kind: LimitKind, used: number, run: Pick<FailedRun, "limits">): MayflyError {
  const { code, limit, unit } = limitErrors[kind]
  const value = run.limits[limit]
  const inUnit = kind === "memory" ? Math.ceil(used / 1_048_576) : Math.round(used)
  const atLeast = Math.max(inUnit, Number(value ?? 0))
  const message = `the run used ${atLeast} ${unit}; limits.${limit} is ${String(value)}`
  return new MayflyError(code, message, { details: { limit, value, used: atLeast } })
}

/** "crashed" is ours, but what a run did before is not undone: only one without effects may simply run again. */
function crashError(reason: string, isSuspect: boolean, run: FailedRun): MayflyError {
  const retry = !run.hasEffects
  const who = isSuspect ? "while this run had it" : "while another run had it"
  const effects = retry
    ? "nothing that this run did had been seen, so it is safe to run it again"
    : "the run had already called out or logged"
  const message = `the process that held the isolate died ${who}; ${effects}`
  return new MayflyError("worker.host-crashed", message, {
    retry,
    details: { reason: reason.slice(0, 500), isSuspect },
  })
}

function guestFailure(text: string, run: FailedRun): MayflyError {
  const failure = parseFailure(text)
  switch (failure.kind) {
    case "not-serializable":
      return new MayflyError("worker.not-serializable", failure.message, {
        details: { path: failure.path ?? "result" },
      })
    case "output-limit":
      return limitError("output", failure.atLeast ?? 0, run)
    case "no-entrypoint":
      return new MayflyError("worker.no-entrypoint", failure.message)
    case "memory-limit":
      return memoryError(failure, run)
    case "threw":
      return thrownError(failure, run)
  }
}

/** The allocation was refused because of the limit; how much was asked for is not known. */
function memoryError(failure: GuestFailure, run: FailedRun): MayflyError {
  const error = limitError("memory", run.limits.memoryMb * 1_048_576, run)
  const stack = run.stack.mapStack(failure.stack)
  return new MayflyError(error.code, `${error.message} (${failure.name}: ${failure.message})`, {
    details: { ...error.details, name: failure.name, message: failure.message, stack },
  })
}

function thrownError(failure: GuestFailure, run: FailedRun): MayflyError {
  const stack = run.stack.mapStack(failure.stack)
  const { name, message, code, cause } = failure
  const title = name === "" ? `the program threw ${message}` : message === "" ? name : `${name}: ${message}`
  const details = {
    name,
    message,
    stack,
    ...run.stack.firstPlace(stack),
    ...(code === undefined ? {} : { code }),
    ...(cause === undefined ? {} : { cause: { ...cause, stack: run.stack.mapStack(cause.stack) } }),
    ...(failure.thrown === undefined ? {} : { thrown: failure.thrown }),
  }
  // A refused request that nobody caught is told as what it was. The code counts only if we gave it: a program can write any.
  const known = code !== undefined && run.answeredCodes.has(code) && Object.hasOwn(errorTable, code)
  return new MayflyError(known ? (code as ErrorCode) : "worker.guest", title, { details })
}

const kinds = ["threw", "not-serializable", "output-limit", "no-entrypoint", "memory-limit"]

/** The text comes out of a hostile isolate. */
function parseFailure(text: string): GuestFailure {
  try {
    const value = JSON.parse(text) as Record<string, unknown>
    const field = (name: string): string => (typeof value[name] === "string" ? value[name] : "")
    const cause = value["cause"] as Record<string, unknown> | undefined
    return {
      kind: (kinds.includes(field("kind")) ? field("kind") : "threw") as GuestFailure["kind"],
      name: field("name"),
      message: field("message"),
      stack: field("stack"),
      ...(field("code") === "" ? {} : { code: field("code") }),
      ...(field("path") === "" ? {} : { path: field("path") }),
      ...(typeof value["atLeast"] === "number" ? { atLeast: value["atLeast"] } : {}),
      ...(value["thrown"] === "non-error" ? { thrown: "non-error" as const } : {}),
      ...(typeof cause === "object" && cause !== null
        ? { cause: { name: String(cause["name"]), message: String(cause["message"]), stack: String(cause["stack"]) } }
        : {}),
    }
  } catch {
    return { kind: "threw", name: "Error", message: "the program failed in a way that can't be told", stack: "" }
  }
}

/** The caller's own words, when it gave some. */
export function because(reason: unknown): string {
  return reason instanceof Error && reason.name !== "AbortError" ? `: ${reason.message}` : ""
}
