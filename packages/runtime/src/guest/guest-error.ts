import type { GuestKernel } from "./guest-kernel.ts"

/** How a run failed, as the guest tells it. Formatted inside the isolate, because reading a hostile error runs its getters. */
export interface GuestFailure {
  readonly kind: "threw" | "not-serializable" | "output-limit" | "no-entrypoint" | "memory-limit"
  readonly name: string
  readonly message: string
  readonly stack: string
  /** The error's own `code`, when it is text: binding and fetch errors keep theirs. */
  readonly code?: string
  readonly path?: string
  readonly atLeast?: number
  readonly cause?: { readonly name: string; readonly message: string; readonly stack: string }
  /** Whether something else than an Error was thrown. */
  readonly thrown?: "non-error"
}

const maxText = 16_384
const allocationFailure =
  /^(?:Array buffer allocation failed|.*could not allocate memory|.*Out of memory: |Invalid array buffer length$)/

/** Never throws, whatever the value does. */
export function failureOf(error: unknown, kernel: GuestKernel): GuestFailure {
  try {
    return classify(error, kernel)
  } catch {
    // A proxy whose traps throw.
    return { kind: "threw", name: "", message: "something that can't be shown", stack: "", thrown: "non-error" }
  }
}

function classify(error: unknown, kernel: GuestKernel): GuestFailure {
  const refused = cloneFailure(error)
  if (refused !== undefined) return refused
  if (error instanceof NoEntrypoint) return { kind: "no-entrypoint", name: "Error", message: error.message, stack: "" }
  if (!isErrorLike(error)) {
    return { kind: "threw", name: "", message: cut(kernel.describe(error)), stack: "", thrown: "non-error" }
  }
  return errorFailure(error)
}

/**
 * The codec's own refusals. They come from different chunks, so they are known by name and fields; a program that throws such an error itself only
 * gives its own failure another name.
 */
function cloneFailure(error: unknown): GuestFailure | undefined {
  if (!(error instanceof Error)) return undefined
  const { name, message, path, atLeast } = error as Error & { path?: unknown; atLeast?: unknown }
  if (name === "DataCloneError" && typeof path === "string")
    return { kind: "not-serializable", name, message: cut(message), stack: "", path: cut(path) }
  if (name !== "CloneTooLargeError" || typeof atLeast !== "number") return undefined
  return { kind: "output-limit", name: "RangeError", message: cut(message), stack: "", atLeast }
}

/** The program exports nothing that could be called. */
export class NoEntrypoint extends Error {}

function errorFailure(error: object): GuestFailure {
  const name = field(error, "name")
  const message = field(error, "message")
  const code = field(error, "code")
  const cause = causeOf(error)
  const kind = isAllocationFailure(name, message) ? "memory-limit" : "threw"
  return {
    kind,
    name,
    message,
    stack: field(error, "stack"),
    ...(code === "" ? {} : { code }),
    ...(cause === undefined ? {} : { cause }),
  }
}

function isAllocationFailure(name: string, message: string): boolean {
  return (
    (name === "RangeError" || name === "CompileError" || name === "RuntimeError") && allocationFailure.test(message)
  )
}

function isErrorLike(value: unknown): value is object {
  try {
    return (
      typeof value === "object" &&
      value !== null &&
      (value instanceof Error || ("stack" in value && "message" in value))
    )
  } catch {
    return false
  }
}

function causeOf(error: object): GuestFailure["cause"] {
  try {
    const { cause } = error as { cause?: unknown }
    if (!isErrorLike(cause)) return undefined
    return { name: field(cause, "name"), message: field(cause, "message"), stack: field(cause, "stack") }
  } catch {
    return undefined
  }
}

function field(error: object, name: string): string {
  try {
    const value = (error as Record<string, unknown>)[name]
    return value === undefined || value === null || typeof value === "object" ? "" : cut(String(value))
  } catch {
    return ""
  }
}

function cut(text: string): string {
  return text.length > maxText ? `${text.slice(0, maxText)}…` : text
}
