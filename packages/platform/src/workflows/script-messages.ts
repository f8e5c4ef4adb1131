/** An error on its way between the engine and an isolate. */
export interface ScriptFailure {
  readonly name: string
  readonly message: string
  readonly code?: string
}

/** What the isolate of scripts is told. `n` is the instance, as the isolate knows it; `id` one of its calls; `job` one of ours. */
export type ToScript =
  | { readonly op: "start"; readonly n: number; readonly event: object; readonly entry?: string }
  | { readonly op: "result"; readonly n: number; readonly id: number; readonly at: number; readonly value?: unknown }
  | { readonly op: "failed"; readonly n: number; readonly id: number; readonly error: ScriptFailure }
  | {
      readonly op: "run"
      readonly n: number
      readonly job: number
      readonly id: number
      readonly kind: CallbackKind
      readonly context: unknown
    }
  | { readonly op: "forget"; readonly n: number }

/** What the isolate holds of a step: its body, what decides on the delay of the next attempt, what undoes it. */
export type CallbackKind = "run" | "delay" | "rollback"

const asks = ["do", "sleep", "sleepUntil", "waitForEvent", "workflow"] as const

export type Ask = (typeof asks)[number]

/** What an isolate says. Only the fields by which it is sorted are checked here: all else is a guest's word, and `unknown`. */
export type FromScript =
  | { readonly op: "ran"; readonly n: number; readonly job: number; readonly given: Given }
  | { readonly op: "end"; readonly n: number; readonly given: Given }
  | { readonly op: Ask; readonly n: number; readonly id: number; readonly given: Given }

export type Given = Readonly<Record<string, unknown>>

/** Undefined when it makes no sense: it is dropped then, and what waits for it is the script's own trouble. */
export function readMessage(message: unknown): FromScript | undefined {
  if (typeof message !== "object" || message === null) return undefined
  const given = message as Given
  const { op, n, id, job } = given
  if (typeof n !== "number") return undefined
  if (op === "end") return { op, n, given }
  if (op === "ran") return typeof job === "number" ? { op, n, job, given } : undefined
  const ask = asks.find((known) => known === op)
  return ask === undefined || typeof id !== "number" ? undefined : { op: ask, n, id, given }
}

/** Name, message and code only, each cut. Never throws. */
export function describeError(error: unknown): ScriptFailure {
  try {
    if (typeof error !== "object" || error === null) return { name: "Error", message: cut(String(error)) }
    const { name, message, code } = error as { name?: unknown; message?: unknown; code?: unknown }
    return {
      name: cut(String(name)),
      message: cut(String(message)),
      ...(typeof code === "string" && { code: cut(code) }),
    }
  } catch {
    return { name: "Error", message: "something was thrown that can't be shown" }
  }
}

/** The same as an error. */
export function errorOf(failure: unknown): Error {
  const { name, message, code } = describeError(failure)
  const error = new Error(message)
  Object.defineProperty(error, "name", { value: name, enumerable: false })
  return code === undefined ? error : Object.assign(error, { code })
}

const maxText = 16_384

function cut(text: string): string {
  return text.slice(0, maxText)
}
